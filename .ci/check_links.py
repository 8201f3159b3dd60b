"""Checks that relative links in the repository's Markdown files lead somewhere.

    python3 .ci/check_links.py           every *.md that git knows: files, and headings as GitHub names them
    python3 .ci/check_links.py FOLDER    every *.html in a folder: files, and elements with that id

Prints one line for each dead link and exits with 1 if there is any. Addresses on the web are not asked.
"""

import html.parser
import os
import re
import subprocess
import sys
import urllib.parse
from pathlib import Path

FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.S)
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\[\]]*\](?:\([^()\s]*\))?)*\]\(\s*<?([^()\s<>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
REFERENCE = re.compile(r"^ {0,3}\[[^\]]+\]:\s+<?(\S+?)>?(?:\s+\".*\")?\s*$", re.M)
HTML_LINK = re.compile(r"<(?:a|img)\b[^>]*?\b(?:href|src)=\"([^\"]+)\"")
HTML_ID = re.compile(r"<[a-z][^>]*?\b(?:id|name)=\"([^\"]+)\"")


def without_fences(text):
    """The text with the lines of code blocks emptied; line numbers stay."""
    lines, fence = [], None
    for line in text.split("\n"):
        mark = FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = None
            lines.append("")
        elif mark:
            fence = mark[1]
            lines.append("")
        else:
            lines.append(line)
    return "\n".join(lines)


def slug(heading):
    """The anchor that GitHub gives a heading: letters of any script, digits, _ and - stay; spaces become -."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    text = re.sub(r"<[^>]+>", "", text).replace("`", "")
    text = re.sub(r"(?<!\w)[*_]+|[*_]+(?!\w)|\*", "", text)
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


def anchors(text):
    names, seen = set(HTML_ID.findall(text)), {}
    for heading in re.findall(r"^ {0,3}#{1,6}[ \t]+(.+?)[ \t]*#*$", text, re.M):
        name = slug(heading)
        count = seen.get(name, 0)
        seen[name] = count + 1
        names.add(f"{name}-{count}" if count else name)
    return names


def markdown(path):
    """Anchors of a Markdown file, and its links with their line numbers."""
    text = without_fences(path.read_text(encoding="utf-8"))
    blank = CODE.sub(lambda code: re.sub(r"[^\n]", " ", code[0]), text)
    links = []
    for pattern in (LINK, REFERENCE, HTML_LINK):
        for match in pattern.finditer(blank):
            links.append((blank.count("\n", 0, match.start(1)) + 1, match[1]))
    # An image as a link's text is a link of its own.
    for match in re.finditer(r"\[!\[[^\]]*\]\(([^()\s]+)\)", blank):
        links.append((blank.count("\n", 0, match.start(1)) + 1, match[1]))
    return anchors(text), sorted(set(links))


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.names, self.links = set(), []

    def handle_starttag(self, tag, attributes):
        for key, value in attributes:
            if key in ("id", "name"):
                self.names.add(value)
            elif value and (tag, key) in {("a", "href"), ("img", "src"), ("link", "href"), ("script", "src")}:
                self.links.append((self.getpos()[0], value))


def page(path):
    parser = Page()
    parser.feed(path.read_text(encoding="utf-8"))
    return parser.names, parser.links


def check(files, read):
    known = {path.resolve(): read(path) for path in files}
    dead = 0
    for path in files:
        for line, link in known[path.resolve()][1]:
            target, _, anchor = link.partition("#")
            if re.match(r"[a-z][a-z0-9+.-]*:|//", target, re.I):
                continue
            target, anchor = urllib.parse.unquote(target.partition("?")[0]), urllib.parse.unquote(anchor)
            place = Path(os.path.normpath(path.resolve().parent / target)) if target else path.resolve()
            if not place.exists():
                problem = "no such file"
            elif anchor and place in known and anchor not in known[place][0]:
                problem = "no such heading"
            elif anchor and read is markdown and place not in known and place.suffix == ".md":
                problem = "a heading in a file that git does not know"
            else:
                continue
            print(f"{path}:{line}: {link}: {problem}")
            dead += 1
    return dead


def main():
    if len(sys.argv) > 1:
        files, read = sorted(Path(sys.argv[1]).rglob("*.html")), page
    else:
        os.chdir(Path(__file__).resolve().parent.parent)
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"],
            check=True, capture_output=True, text=True,
        ).stdout
        files, read = [Path(name) for name in sorted(set(listed.split("\0"))) if name and Path(name).exists()], markdown
    dead = check(files, read)
    print(f"{len(files)} files, {dead} dead links", file=sys.stderr)
    sys.exit(1 if dead or not files else 0)


if __name__ == "__main__":
    main()
