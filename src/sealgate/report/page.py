"""
The frame of every report in HTML: one file, no script, nothing from elsewhere.

It reads on a phone, on paper and where the system is dark. What a report is about may be
hostile: text is escaped here, and the page's own policy lets nothing run.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from sealgate.report.terminal import clean

if TYPE_CHECKING:
    from collections.abc import Iterable

# Each colour has a contrast of 4.5 and more on its background (WCAG 2.2, 1.4.3).
_STYLE = """\
:root{color-scheme:light dark;--ink:#1b1b1b;--page:#fff;--soft:#f3f4f6;--line:#8a8f98;--faint:#55595f;\
--error:#b00020;--warning:#7a4a00;--note:#0b4f8a;--met:#14632b}
@media (prefers-color-scheme:dark){:root{--ink:#e8e8e8;--page:#16181b;--soft:#23262b;--line:#70757d;\
--faint:#b3b8bf;--error:#ff9aa2;--warning:#f2b84b;--note:#8cc4ff;--met:#7ddc96}}
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:80rem;padding:0 1rem;\
color:var(--ink);background:var(--page)}
h1{margin:0}h2{margin:2rem 0 .5rem}h3{margin:0;font-size:1em}
code{overflow-wrap:anywhere}a{color:var(--note)}
.wide{overflow-x:auto}
table{border-collapse:collapse;min-width:100%}
th,td{border-bottom:1px solid var(--line);padding:.3rem .6rem;text-align:left;vertical-align:top}
td ul{margin:0;padding-left:1.1em}
small,.faint{color:var(--faint)}
.whole{white-space:nowrap}
.verdict{font-size:1.25em}
article{border-left:.3rem solid var(--line);background:var(--soft);margin:.8rem 0;padding:.6rem 1rem}
article p{margin:.3rem 0}
.error{border-color:var(--error)}.warning{border-color:var(--warning)}.note{border-color:var(--note)}
.error h3,.bad{color:var(--error)}.warning h3{color:var(--warning)}.note h3{color:var(--note)}
.good{color:var(--met)}
@media print{article{break-inside:avoid}}
"""


def page(title: str, *parts: str) -> str:
    """Return a whole page of *parts*, which are HTML; *title* is text."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">\n"
        f"<title>{escaped(title)}</title>\n<style>{_STYLE}</style></head><body>\n"
        f"<h1>{escaped(title)}</h1>\n{''.join(parts)}</body></html>\n"
    )


def escaped(text: str) -> str:
    """Return *text* as HTML that shows it, characters that cannot be seen too."""
    return html.escape(clean(text))


def table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table that scrolls for itself where the screen is narrow; cells are HTML."""
    head = "".join(f'<th scope="col">{escaped(heading)}</th>' for heading in headings)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>\n" for row in rows)
    return (
        f'<div class="wide" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>\n{body}</tbody></table></div>\n"
    )
