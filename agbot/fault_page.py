"""The table of all faults in `docs/faults.md`, made from the catalogue. `python -m agbot.fault_page FILE` renews it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from agbot.fault_switch import Fault, Parameter, Where
from agbot.faults import CATALOGUE

BEGIN: Final = "<!-- faults: made by agbot.fault_page -->"
END: Final = "<!-- end of faults -->"
_TITLES: Final = {
    Where.REQUEST: "Requests: the exchange does not act, unless it says so",
    Where.REPLY: "Replies: the exchange has acted",
    Where.FRAME: "Messages on WebSockets",
    Where.CONNECTION: "WebSockets",
    Where.CORE: "What the exchange decides",
    Where.CLOCK: "The clock",
}


def table() -> str:
    """Return the sections of all faults as Markdown."""
    return "\n".join(_section(where) for where in Where)


def renewed(page: str) -> str:
    """Return a page with the table between its marks as the catalogue is now.

    Raises:
        ValueError: the page lacks the marks.
    """
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page lacks the marks {BEGIN} and {END}")
    return f"{head}{BEGIN}\n\n{table()}\n{END}{tail}"


def _section(where: Where) -> str:
    rows = [_row(fault) for fault in CATALOGUE.values() if fault.where is where]
    head = f"### {_TITLES[where]}\n\n| name | a client sees | parameters | strikes | seen in |\n|---|---|---|---|---|\n"
    return head + "\n".join(rows) + "\n"


def _row(fault: Fault) -> str:
    parameters = "<br>".join(map(_parameter, fault.parameters)) or "–"
    reach = [f"`{pattern}`" for key in ("path", "channel", "event") for pattern in fault.reach.get(key, ())]
    often = "" if fault.probability == 1 else f"; {fault.probability:g} of them"
    threads = ", ".join(map(_link, fault.threads))
    return f"| `{fault.name}` | {fault.sees} | {parameters} | {', '.join(reach) or 'all'}{often} | {threads} |"


def _parameter(p: Parameter) -> str:
    default = str(p.default).lower() if isinstance(p.default, bool) else f"{p.default}"
    choices = f" ({', '.join(p.choices)})" if p.choices else ""
    return f"`{p.name}: {default}` {p.says}{choices}"


def _link(thread: str) -> str:
    repository, _, number = thread.partition("#")
    return f"[{thread}](https://github.com/{repository}/issues/{number})"


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(renewed(target.read_text(encoding="utf-8")), encoding="utf-8")
