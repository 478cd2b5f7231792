"""The metrics of all workers as one text: every sample says which worker it is of."""

from collections.abc import Mapping


def merged(texts: Mapping[int, str]) -> str:
    """The texts of workers, by number, in Prometheus' format: samples of a metric stay together."""
    heads: dict[str, list[str]] = {}
    samples: dict[str, list[str]] = {}
    for worker, text in texts.items():
        family = ""
        for line in text.splitlines():
            if line.startswith("#"):
                family = line.split(" ", 3)[2]
                known = heads.setdefault(family, [])
                if line not in known:
                    known.append(line)
            elif line:
                samples.setdefault(family, []).append(_of_worker(line, worker))
    lines = [line for family, head in heads.items() for line in (*head, *samples.get(family, ()))]
    return "".join(f"{line}\n" for line in lines)


def _of_worker(sample: str, worker: int) -> str:
    """A sample with the label `worker`. Label values may hold braces and spaces, so the last brace ends the labels."""
    name, brace, rest = sample.partition("{")
    if not brace or " " in name:
        name, _, value = sample.partition(" ")
        return f'{name}{{worker="{worker}"}} {value}'
    labels, _, value = rest.rpartition("}")
    return f'{name}{{{labels},worker="{worker}"}}{value}' if labels else f'{name}{{worker="{worker}"}}{value}'
