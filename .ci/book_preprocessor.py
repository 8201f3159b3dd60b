"""A preprocessor of mdBook for docs/: what GitHub shows and mdBook does not.

* `$…$` and `$$…$$` become MathML, which browsers draw without a script and without a network.
  Without latex2mathml (.ci/requirements-book.txt) the formula stays as TeX, in a code span.
* Links to files outside docs/ lead to them in the repository: on GitHub where GITHUB_REPOSITORY is set,
  as in its workflows, else in the clone around target/book.
* Links between the two books, and to README.md, lead to their pages.
* A line of Chinese is joined to the next without a space.
"""

import json
import os
import re
import sys
from pathlib import Path

try:
    import latex2mathml.converter
except ImportError:
    latex2mathml = None

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
SITE = ROOT / "target" / "book"

# Code is copied as it is: fenced blocks, then spans. Formulas do not begin or end with a space, except displayed ones.
PIECES = re.compile(
    r"(?P<code>^ {0,3}(?P<fence>`{3,}|~{3,}).*?^ {0,3}(?P=fence)[`~]*[ \t]*$|(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`))"
    r"|\$\$(?P<block>.+?)\$\$"
    r"|(?<![\w$\\])\$(?P<span>[^\s$](?:[^$\n]*[^\s$])?)\$(?![\w$])"
    r"|\]\((?P<link>[^()\s]+)\)"
    # Beside Chinese punctuation there is no space, nor between two characters.
    r"|(?:(?<=[\u3000-\u303f\uff00-\uff65\u201d])\n *(?=[\[`$\w\u201c\u3000-\uffff])(?!```|\$\$|\d+\. )"
    r"|(?<=[\u3400-\u9fff])\n *(?=[\u201c\u3000-\u9fff\uff00-\uff65])"
    r"|(?<=[^\n|])\n *(?=[\u3000-\u303f\uff00-\uff65]))(?P<join>)",
    re.M | re.S,
)


def formula(tex, display):
    if latex2mathml is None:
        return f"<code>{escaped(tex)}</code>"
    mathml = latex2mathml.converter.convert(tex.strip(), display="block" if display else "inline")
    # Between the tags Markdown would still see emphasis, links and columns of a table.
    return re.sub(r">([^<]+)<", lambda text: f">{escaped(text[1])}<", mathml)


def escaped(text):
    return re.sub(r"[*_|\[\]\\`~!$<]", lambda character: f"&#{ord(character[0])};", text)


def link(target, page):
    path, _, anchor = target.partition("#")
    if not path or re.match(r"[a-z][a-z0-9+.-]*:", path, re.I):
        return target
    anchor = f"#{anchor}" if anchor else ""
    place = Path(os.path.normpath(page.parent / path))
    if place.is_relative_to(DOCS):
        if place.suffix != ".md":
            return target
        html = place.with_name("index.html") if place.name == "README.md" else place.with_suffix(".html")
        return os.path.relpath(html, page.parent) + anchor
    inside = place.relative_to(ROOT).as_posix()
    if repository := os.environ.get("GITHUB_REPOSITORY"):
        server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
        return f"{server}/{repository}/blob/{os.environ.get('GITHUB_SHA', 'HEAD')}/{inside}{anchor}"
    here = os.path.relpath(ROOT / inside, (SITE / page.relative_to(DOCS)).parent)
    return re.sub(r"\.md$", "%2Emd", here) + anchor  # mdBook would make .html of .md


def page_text(text, page):
    def piece(match):
        if match["code"]:
            return match[0]
        if match["join"] is not None:
            return ""
        if match["link"]:
            return f"]({link(match['link'], page)})"
        return formula(match["block"] or match["span"], match["block"] is not None)

    return PIECES.sub(piece, text)


def walk(items, source):
    for item in items:
        chapter = item.get("Chapter") if isinstance(item, dict) else None
        if chapter:
            if chapter.get("source_path"):
                chapter["content"] = page_text(chapter["content"], source / chapter["source_path"])
            walk(chapter["sub_items"], source)


def main():
    if sys.argv[1:2] == ["supports"]:
        sys.exit(0 if sys.argv[2:] == ["html"] else 1)
    context, book = json.load(sys.stdin)
    source = Path(context["root"]).resolve() / context["config"]["book"].get("src", "src")
    walk(book.get("items") or book.get("sections"), Path(os.path.normpath(source)))
    json.dump(book, sys.stdout)


if __name__ == "__main__":
    main()
