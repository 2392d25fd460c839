"""Hand-written C headers, cut into what stands at file level."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise

from .expansion import Macro, expand, macro_of

TOKEN = re.compile(
    r"(?P<comment>/\*.*?\*/)|(?P<string>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<number>\d[\w.]*)|(?P<space>(?:\s|\\\n)+)|(?P<mark>##|.)",
    re.DOTALL,
)
CONDITIONAL = re.compile(r"\s*#\s*(if|ifdef|ifndef|elif|else|endif)\b\s*(.*)", re.DOTALL)
DEFINE = re.compile(r"\s*#\s*define\s+(\w+)")
OWN_INCLUDE = re.compile(r'\s*#\s*include\s+"([^"]+)"')


@dataclass(frozen=True)
class Branch:
    """One part of an #if: which one, and what must hold for it, the earlier ones left out."""

    group: int  # the #if, counted
    place: int  # 0 for #if, 1 for the first #elif or #else, ...
    condition: str  # "" for #else
    before: tuple[str, ...]  # conditions of the parts before it, which do not hold

    @property
    def whole(self) -> str:
        """What holds inside, by itself."""
        terms = [negated(one) for one in self.before] + [self.condition] * bool(self.condition)
        return " && ".join(terms) if len(terms) == 1 else " && ".join(f"({t})" for t in terms)


Path = tuple[Branch, ...]


@dataclass(frozen=True)
class Item:
    """A directive or a definition, with the comment before it."""

    text: str
    path: Path  # the #if parts around it, outermost first
    comment: str = ""

    @property
    def is_macro(self) -> bool:
        return bool(DEFINE.match(self.text))

    @property
    def is_include(self) -> bool:
        return self.text.lstrip().startswith("#include")

    @property
    def is_check(self) -> bool:
        """A typedef that only stops a compiler."""
        return self.text.startswith("typedef char ")

    @cached_property
    def names(self) -> list[str]:
        """Identifiers in its text, in order; those of comments left out."""
        return names_in(self.text)

    @cached_property
    def defines(self) -> str:
        """The name that it gives a meaning to; "" for none."""
        if found := DEFINE.match(self.text):
            return found[1]
        if self.text.lstrip().startswith("#"):
            return ""
        tokens = [t for t in tokens_of(self.text) if t[0] not in ("space", "comment")]
        if "typedef" not in self.names[:2]:
            for (kind, word), (_, after) in pairwise(tokens):
                if kind == "name" and after == "(" and word.startswith("tinygen_"):
                    return word
        code = re.sub(r"/\*.*?\*/", "", self.text, flags=re.DOTALL)
        return re.findall(r"(\w+)\s*(?:\[[^\]]*\])?\s*;\s*$", code)[0]


def tokens_of(text: str) -> Iterator[tuple[str, str]]:
    """Kind and text of each token, spaces and comments too."""
    for found in TOKEN.finditer(text):
        yield found.lastgroup or "mark", found[0]


def names_in(text: str) -> list[str]:
    """Identifiers of a text; `a##b` gives "a*", all names that begin with a."""
    tokens = [t for t in tokens_of(text) if t[0] not in ("space", "comment")]
    found = []
    for k, (kind, word) in enumerate(tokens):
        if kind == "name":
            pasted = k + 1 < len(tokens) and tokens[k + 1][1] == "##"
            found.append(f"{word}*" if pasted else word)
    return found


def negated(condition: str) -> str:
    """The condition's opposite."""
    if re.fullmatch(r"\w+", condition):
        return f"!{condition}"
    if re.fullmatch(r"!\w+|!defined\(\w+\)", condition):
        return condition[1:]
    return f"!({condition})" if not re.fullmatch(r"defined\(\w+\)", condition) else f"!{condition}"


class Reader:
    """Reads headers into items; a header that another one includes is read in its place, once."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts
        self.items: list[Item] = []
        self._seen: set[str] = set()
        self._macros: list[tuple[Path, Macro]] = []
        self._groups = 0

    def read(self, file: str, path: Path = ()) -> None:
        """Appends the items of a file."""
        if file in self._seen:
            return
        self._seen.add(file)
        lines = _inside_its_guard(self.texts[file])
        stack: list[Branch] = []
        comment = ""
        while lines:
            if not lines[0].strip():
                lines.pop(0)
            elif lines[0].lstrip().startswith("/*"):
                comment = _cut(lines, lambda text: text.rstrip().endswith("*/"))
            elif found := CONDITIONAL.match(lines[0]):
                found = CONDITIONAL.match(_cut(lines, _is_whole_line))
                assert found is not None
                self._branch(stack, found[1], found[2])
            elif found := OWN_INCLUDE.match(lines[0]):
                lines.pop(0)
                self.read(found[1], (*path, *stack))
            else:
                text = _cut(lines, _is_whole_line if lines[0].startswith("#") else _is_whole)
                self._add(Item(text, (*path, *stack), comment))
                comment = ""

    def _branch(self, stack: list[Branch], word: str, rest: str) -> None:
        """Follows a directive of an #if."""
        rest = " ".join(re.sub(r"/\*.*?\*/|\\\n", " ", rest).split())
        if word in ("if", "ifdef", "ifndef"):
            name = {"if": rest, "ifdef": f"defined({rest})", "ifndef": f"!defined({rest})"}[word]
            self._groups += 1
            stack.append(Branch(self._groups, 0, name, ()))
            return
        last = stack.pop()
        if word != "endif":
            before = (*last.before, last.condition)
            stack.append(Branch(last.group, last.place + 1, rest, before))

    def _add(self, item: Item) -> None:
        """Appends an item, or the definitions that it stands for where it calls a macro."""
        if item.is_macro:
            self._macros.append((item.path, macro_of(item.text, item.comment)))
        macro = self._called(item)
        if macro is None:
            self.items.append(item)
            return
        lines = expand(macro, item.text).splitlines()
        comment = item.comment or macro.comment
        while lines:
            if lines[0].strip():
                self._add(Item(_cut(lines, _is_whole), item.path, comment))
            else:
                lines.pop(0)

    def _called(self, item: Item) -> Macro | None:
        """The macro whose call an item is, by its last definition that can be in force there."""
        found = re.match(r"([A-Z]\w*)\(", item.text)
        for path, macro in reversed(self._macros if found and not item.is_macro else []):
            if found and macro.name == found[1] and compatible(path, item.path):
                return macro
        return None


def compatible(one: Path, other: Path) -> bool:
    """False where two places lie in different parts of one #if."""
    parts = {branch.group: branch.place for branch in one}
    return all(parts.get(branch.group, branch.place) == branch.place for branch in other)


def _inside_its_guard(text: str) -> list[str]:
    """The lines between an include guard; the title comment goes with it."""
    lines = text.splitlines()
    first = next(k for k, line in enumerate(lines) if line.startswith("#ifndef"))
    last = max(k for k, line in enumerate(lines) if line.startswith("#endif"))
    return lines[first + 2 : last]


def _cut(lines: list[str], whole) -> str:
    """Takes lines from the front until they are `whole` together."""
    text = lines.pop(0)
    while not whole(text):
        text += "\n" + lines.pop(0)
    return text


def _is_whole_line(text: str) -> bool:
    return not text.endswith("\\") and text.count("/*") == text.count("*/")


def _is_whole(text: str) -> bool:
    """True where no bracket is open and a definition, or the call of a macro, has ended."""
    marks = [word for kind, word in tokens_of(text) if kind not in ("space", "comment")]
    depth = sum((word in "({[") - (word in ")}]") for word in marks if len(word) == 1)
    call = marks[0].isupper() and marks[1:2] == ["("] and "{" not in marks
    return depth == 0 and (marks[-1] in ";}" or (call and marks[-1] == ")"))


def read_all(texts: Mapping[str, str], files: list[str]) -> tuple[Item, ...]:
    """The items of these files and of what they include, in the order of a compiler."""
    return _read_once(tuple(texts.items()), tuple(files))


@lru_cache(maxsize=4)
def _read_once(texts: tuple[tuple[str, str], ...], files: tuple[str, ...]) -> tuple[Item, ...]:
    reader = Reader(dict(texts))
    for file in files:
        reader.read(file)
    return tuple(replace(item, text=item.text.rstrip()) for item in reader.items)
