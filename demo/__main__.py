"""`make demo`: a story, told on the running stack. Exits 0 only if it ends as it should and the books agree.

day         a day of orders in two shops, with a subscriber listening
scenarios   the scenarios of the ICS domain guide, each number held against the guide's
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence

import aiohttp
from rich.console import Console
from rich.text import Text

from demo import day
from demo.scenarios import runner
from demo.stack import NotRunning, Refused, running

WIDE_CELLS = 150

Told = Callable[[Console, Mapping[str, str], Mapping[str, str]], Awaitable[int]]

STORIES: Mapping[str, Told] = {"day": day.run_day, "scenarios": runner.run_scenarios}


def main(arguments: Sequence[str]) -> int:
    """Tell the story that is asked for, `day` where none is; what the process is to exit with."""
    name = arguments[0] if arguments else "day"
    if name not in STORIES or len(arguments) > 1:
        sys.stderr.write(f'there is no story "{" ".join(arguments)}"; there are: {", ".join(STORIES)}\n')
        return 2
    console = Console(width=None if sys.stdout.isatty() else WIDE_CELLS)
    try:
        return asyncio.run(_told(STORIES[name], console))
    except (NotRunning, Refused, RuntimeError, TimeoutError, aiohttp.ClientError) as failure:
        console.print(Text(str(failure) or "the stack does not answer in time", style="red"))
        return 1


async def _told(story: Told, console: Console) -> int:
    stack, demo = running()
    return await story(console, stack, demo)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
