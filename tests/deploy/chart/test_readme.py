"""The chart's README says every value, and is the one that the values give."""

from deploy.helm.readme import CHART, readme


def test_the_readme_is_current() -> None:
    assert (CHART / "README.md").read_text() == readme(), "`make docs` makes it anew"
