"""What can be made wrong in a module: each change as the whole module's tree, with a word for what was done."""

import ast
import copy
from collections.abc import Callable, Iterator
from typing import NamedTuple, cast

COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
CALCULATED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
SWAPPED = {"min": "max", "max": "min", "any": "all", "all": "any"}
LOGGERS = ("logger", "_LOGGER")


class Mutant(NamedTuple):
    """A module made wrong: in which line, how, and its tree."""

    line: int
    what: str
    tree: ast.Module


class Change(NamedTuple):
    """One node made wrong; `apply` works on a copy of the tree."""

    node: ast.AST
    what: str
    apply: Callable[[ast.AST], ast.AST]


def mutants(source: str) -> Iterator[Mutant]:
    """Every change of a module, one at a time, in the order of its lines."""
    tree = ast.parse(source)
    skipped = _skipped(tree)
    nodes = [node for node in ast.walk(tree) if id(node) not in skipped]
    places = {id(node): place for place, node in enumerate(ast.walk(tree))}
    changes = [change for node in nodes for change in _changes(node)]
    for change in sorted(changes, key=lambda one: getattr(one.node, "lineno", 0)):
        copied = copy.deepcopy(tree)
        target = list(ast.walk(copied))[places[id(change.node)]]
        changed = _Replacing(target, change.apply(target)).visit(copied)
        yield Mutant(
            getattr(change.node, "lineno", 0), change.what, cast("ast.Module", ast.fix_missing_locations(changed))
        )


class _Replacing(ast.NodeTransformer):
    def __init__(self, target: ast.AST, changed: ast.AST) -> None:
        self.target, self.changed = target, changed

    def visit(self, node: ast.AST) -> ast.AST:
        return self.changed if node is self.target else super().generic_visit(node)


def _skipped(tree: ast.Module) -> set[int]:
    """What no test could notice: annotations, docstrings, words for people, imports, and decorators."""
    roots: list[ast.AST | None] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            roots += [node.returns, *node.decorator_list]
        elif isinstance(node, ast.ClassDef):
            roots += [*node.decorator_list, *node.bases]
        elif isinstance(node, ast.arg | ast.AnnAssign):
            roots.append(node.annotation)
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            roots += [one for one in node.exc.args if isinstance(one, ast.Constant | ast.JoinedStr)]
        elif isinstance(node, ast.Import | ast.ImportFrom) or _is_said(node):
            roots.append(node)
    words = {id(node) for root in roots if root for node in ast.walk(root)}
    return words | {id(node) for assigned in tree.body if _is_alias(assigned) for node in ast.walk(assigned)}


def _is_said(node: ast.AST) -> bool:
    """A docstring, or a line of the log."""
    if not isinstance(node, ast.Expr):
        return False
    said = node.value.func if isinstance(node.value, ast.Call) else None
    is_logged = isinstance(said, ast.Attribute) and _named(said.value) in LOGGERS
    return is_logged or isinstance(node.value, ast.Constant)


def _is_alias(node: ast.stmt) -> bool:
    """A type's own name, a type variable, or a logger."""
    if isinstance(node, ast.AnnAssign):
        return _named(node.annotation) == "TypeAlias"
    if not isinstance(node, ast.Assign):
        return False
    if isinstance(node.value, ast.Subscript):
        return _named(node.value.value) == "Literal"
    return isinstance(node.value, ast.Call) and _named(node.value.func) in ("TypeVar", "getLogger")


def _named(node: ast.AST | None) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _changes(node: ast.AST) -> Iterator[Change]:
    for kind, change in CHANGES:
        if isinstance(node, kind):
            yield from (Change(node, what, apply) for what, apply in change(node))


Made = Iterator[tuple[str, Callable[[ast.AST], ast.AST]]]


def _compare(node: ast.Compare) -> Made:
    for place, operator in enumerate(node.ops):
        for other in COMPARED[type(operator)]:
            ops = [*node.ops[:place], other(), *node.ops[place + 1 :]]
            yield f"{type(operator).__name__} → {other.__name__}", lambda n, o=ops: _with(n, ops=o)  # type: ignore[misc]  # a default binds the loop's value


def _boolean(node: ast.BoolOp) -> Made:
    other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield f"{type(node.op).__name__} → {type(other).__name__}", lambda n: _with(n, op=other)


def _unary(node: ast.UnaryOp) -> Made:
    yield f"without {type(node.op).__name__}", lambda n: cast("ast.UnaryOp", n).operand


def _binary(node: ast.BinOp | ast.AugAssign) -> Made:
    other = CALCULATED.get(type(node.op))
    if other:
        yield f"{type(node.op).__name__} → {other.__name__}", lambda n: _with(n, op=other())


def _constant(node: ast.Constant) -> Made:
    value = node.value
    if isinstance(value, bool):
        yield f"{value} → {not value}", lambda n: ast.Constant(not value)
    elif isinstance(value, int | float):
        yield f"{value} → {value + 1}", lambda n: ast.Constant(value + 1)
    elif isinstance(value, str | bytes) and value:
        yield f"{value!r:.60} doubled", lambda n: ast.Constant(2 * value)


def _branch(node: ast.If | ast.IfExp | ast.While) -> Made:
    yield "condition negated", lambda n: _with(n, test=ast.UnaryOp(ast.Not(), cast("ast.If", n).test))


def _return(node: ast.Return) -> Made:
    if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
        yield "returns None", lambda n: _with(n, value=ast.Constant(None))


def _dropped(node: ast.stmt) -> Made:
    yield f"without {ast.unparse(node).splitlines()[0][:60]}", lambda n: ast.Pass()


def _swapped(node: ast.Call) -> Made:
    if isinstance(node.func, ast.Name) and node.func.id in SWAPPED:
        other = SWAPPED[node.func.id]
        yield f"{node.func.id} → {other}", lambda n: _with(n, func=ast.Name(other, ast.Load()))


def _with(node: ast.AST, **fields: object) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


CHANGES: tuple[tuple[type | tuple[type, ...], Callable[..., Made]], ...] = (
    (ast.Compare, _compare),
    (ast.BoolOp, _boolean),
    (ast.UnaryOp, _unary),
    ((ast.BinOp, ast.AugAssign), _binary),
    (ast.Constant, _constant),
    ((ast.If, ast.IfExp, ast.While), _branch),
    (ast.Return, _return),
    ((ast.Expr, ast.AugAssign, ast.Raise, ast.Delete), _dropped),
    (ast.Call, _swapped),
)
