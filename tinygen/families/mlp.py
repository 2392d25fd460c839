"""Small ReLU net (multi-layer perceptron): int8 weights, one or two hidden layers.

Hidden layers become integers as `fitting/nets/rounding.py` tells; the output layer is then fitted
again to the integer activations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil

import numpy as np

from ..data import Rows
from ..fitting.least_squares import Root, fit_linear
from ..fitting.lowering import (
    FEW_STEPS,
    Logs,
    apply_all,
    logs_of,
    mean_error,
    narrowest,
    output_row,
    scale_inputs,
)
from ..fitting.nets.fitted_net import FittedNet
from ..fitting.nets.gauss_newton import Net, Problem, train_net
from ..fitting.nets.local_search import (
    FINISH,
    MOST_ROWS,
    TRAIN,
    finished,
    found_deep,
    kicked,
    ladder,
    taught,
    tries,
)
from ..fitting.nets.rounding import MOST_FINE, forms_behind, frames_of, round_layer
from ..fitting.weighted import deviation, mean
from ..model.nodes import prove
from ..model.operations.dense import Dense, has_kernel
from ..model.operations.scale import Scale
from . import Family, Run

SIZES = (2, 3, 4, 6, 8, 10, 12, 14, 16, 20, 24)  # even, since kernels take pairs of units
# Of the scaled inputs: 8 save 5 cycles a weight and cost 0 to 0.6 % of accuracy (measured), where
# each input spans so many raw steps: of fewer, less than half of the bits would be used.
WIDE_BITS, NARROW_BITS, NARROW_STEPS = 12, 8, 128
MIXED_BITS = 10  # of inputs of very few raw steps beside wide ones
FIT_BITS = 8  # the float net sees inputs in steps of the 8-bit scaling, but not rounded
OUTPUT_BITS = (
    8,
    16,
    12,
)  # of the output layer: the last ones where the first lose too much, or cannot be bounded
# part of the error that an output layer of 16 bits must gain: it costs as much as five more units
WORTH_16_BITS = 0.01
# times a net's error from which on its units are no bytes: these save an eighth of the cycles, for
# which a larger net has 3 % less error
SPOILT = 1.03
ROUNDS = 3  # times the weights are rounded from where the last round's refit ended
PRUNED = 4 / 3  # units of the net that all others are pruned from, per unit of the largest of them
DEEP = ((12, 8), (15, 10), (20, 16))  # two hidden layers
MOST_ROUNDED = 2  # nets of a search that are compared as integers
MOST_UNITS = 30  # of two layers; more are tried on a budget of flash only
LEAST_WEIGHT_CYCLES = 10  # of a weight of a hidden layer
KICKS, DEEP_KICKS = 6, 8  # tries to better a net that is used, of one layer and of two
STARTS = 4  # random nets of two layers, of which one is trained
DRAFT_STARTS, DRAFT_KICKS, LEAST_DRAFT = 2, 6, 3  # of a draft; the last two: tries to better it
WAYS, LAST_KICKS = 3, 100  # further nets beside the chosen one; tries to better the best of them
LEAST_LAST = 20  # of these tries
ALIKE = 1.01  # times the least error of one kind of inputs that the other kind may have
FAR = 1.2  # times the error in one fold, from which on logarithms are of no use
NEARLY = 1.03  # times the error of a net that one of half its units may have
DRAFT_ROWS = 3000  # that a draft is fitted to: enough to rank sizes, not to use


@dataclass(frozen=True)
class Config:
    hidden: tuple[int, ...]  # units of each hidden layer
    root: int  # 1 identity, 2 square root of the target
    logs: bool = False  # logarithms of the inputs that span octaves


def candidates(rows: Rows) -> list[Config]:
    """Nets of at most a parameter for two rows, and the smallest one."""
    root = 2 if rows.y.min() >= 0 else 1
    kinds = (False, True) if logs_of(rows.inputs).columns else (False,)
    shapes = [
        hidden
        for hidden in (*((size,) for size in SIZES), *DEEP)
        if hidden == SIZES[:1] or 2 * _parameters(hidden, len(rows.inputs)) <= len(rows.y)
    ]
    return [Config(hidden, root, logs) for logs in kinds for hidden in shapes]


def worth_trying(config: Config, errors: Mapping[Config, float]) -> bool:
    """Nets of two hidden layers, whose folds take most of the time, read the inputs with which nets
    of one layer err least: with logarithms or without, both where these are alike.
    """
    return _least(errors, config.logs) <= ALIKE * min(errors.values(), default=np.inf)


def in_vain(config: Config, errors: Mapping[Config, float]) -> bool:
    """Logarithms take bytes, and are of no use where nets without them err far less."""
    return config.logs and _least(errors, True) > FAR * _least(errors, False)


def _least(errors: Mapping[Config, float], logs: bool) -> float:
    """The least error of the nets with logarithms, or of those without."""
    return min((error for config, error in errors.items() if config.logs == logs), default=np.inf)


def _parameters(hidden: tuple[int, ...], inputs: int) -> int:
    """Weights and biases of a net with one output."""
    return sum((before + 1) * units for before, units in pairwise((inputs, *hidden, 1)))


def fit_many(
    rows: Rows, configs: list[Config], seed: int = 0, draft: bool = False
) -> list[FittedNet]:
    """Nets of several sizes; those with one hidden layer come from one pruned ladder per root and
    kind of inputs.
    """
    if draft:
        rows = _draft_rows(rows, seed)
    found: dict[Config, FittedNet] = {}
    for logs, degree in sorted({(c.logs, c.root) for c in configs}):
        frame = _standardised(rows, logs_of(rows.inputs, logs))
        problem = _problem(replace(frame, root=Root(degree)), rows)
        alike = [c.hidden for c in configs if (c.logs, c.root) == (logs, degree)]
        sizes = tuple(sorted({hidden[0] for hidden in alike if len(hidden) == 1}))
        kicks = 0 if draft else KICKS
        top = ceil(PRUNED * sizes[-1]) if sizes else 0
        pruned = ladder(problem, sizes, top, seed, kicks, draft) if sizes else {}
        frame = replace(frame, root=problem.root)
        nets: dict[tuple[int, ...], FittedNet] = {
            (size,): replace(frame, net=net) for size, net in pruned.items()
        }
        for hidden in (hidden for hidden in alike if len(hidden) > 1):
            nets[hidden] = _best_rounded(_direct(problem, hidden, seed, draft), frame, rows)
        found |= {Config(hidden, degree, logs): net for hidden, net in nets.items()}
    return [found[config] for config in configs]


def _draft_rows(rows: Rows, seed: int) -> Rows:
    drawn = np.random.default_rng(seed).permutation(len(rows.y))[:DRAFT_ROWS]
    return rows.take(np.sort(drawn))


def without(fitted: FittedNet, rows: Rows, kept: tuple[int, ...], seed: int) -> FittedNet:
    """A draft that goes on without some inputs: within chance as good as one that starts anew, in a
    fifth of the time (measured).
    """
    rows, net = _draft_rows(rows, seed), fitted.net
    frame = _standardised(rows, logs_of(rows.inputs, bool(fitted.logs.columns)))
    frame = replace(frame, root=fitted.root)
    net = replace(net, weights=(net.weights[0][list(kept)], *net.weights[1:]))
    return replace(frame, net=train_net(net, _problem(frame, rows), TRAIN))


def better(
    fitted: FittedNet, rows: Rows, seed: int, errors: Mapping[Config, float], run: Run
) -> tuple[FittedNet, Rows]:
    """The net, or a better one that comes from further starts and a longer local search: what
    pays for the one net that is chosen. Where noise decides, it is trained to the rows that come
    with it, which are between the references and what nets like it answer.
    """
    problem, hidden, targets = _problem(fitted, rows), fitted.net.sizes[1:-1], rows
    others = np.random.SeedSequence(seed).generate_state(WAYS).tolist()
    nets = [fitted.net, *run(_another, [(problem, hidden, other) for other in others])]
    if _size_hardly_counts(Config(hidden, fitted.root.degree, bool(fitted.logs.columns)), errors):
        problem = replace(problem, y=taught(problem, nets))
        targets = replace(rows, y=problem.y.astype(rows.y.dtype))
        nets = [train_net(net, problem, FINISH) for net in nets]
    some = problem.thinned([seed, 1], MOST_ROWS)
    best = min(nets, key=lambda net: net.loss)
    found = [
        best,
        *(finished(n, some, problem) for n in kicked(best, some, _last_kicks(best), [seed])[1:]),
    ]
    bettered = _best_rounded(found[-MOST_ROUNDED:], fitted, targets)
    return replace(bettered, rounded=(rows, lower(bettered, targets))), targets


def _size_hardly_counts(config: Config, errors: Mapping[Config, float]) -> bool:
    """True where a net of at most half the units is nearly as good in the folds: noise decides, not
    what a net can say.
    """
    half = [e for c, e in errors.items() if 2 * sum(c.hidden) <= sum(config.hidden)]
    return config in errors and min(half, default=np.inf) <= NEARLY * errors[config]


def _another(problem: Problem, hidden: tuple[int, ...], seed: int) -> Net:
    """A net of a shape, from a start of its own."""
    if len(hidden) > 1:
        return _direct(problem, hidden, seed)[-1]
    return ladder(problem, hidden, ceil(PRUNED * hidden[0]), seed, KICKS)[hidden[0]]


def _last_kicks(net: Net) -> int:
    """Tries to better the net that is chosen."""
    return tries(LAST_KICKS, LEAST_LAST, len(net.flat()))


def _problem(frame: FittedNet, rows: Rows) -> Problem:
    """What a net is trained on: inputs as the integer nodes round them."""
    z = frame.standardised(rows.x, _scaling(frame.logs)).astype(np.float32)
    return Problem(z, rows.y.astype(np.float64), frame.root, rows.weights)


def _standardised(rows: Rows, logs: Logs) -> FittedNet:
    """A net's inputs, standardised on the rows; the net itself is missing."""
    inputs = len(rows.inputs)
    empty = FittedNet(
        tuple(range(inputs)),
        scale_inputs(logs.limits, FIT_BITS, exact=True),
        np.zeros(inputs),
        np.ones(inputs),
        Net((), (), 0.0, 1.0),
        Root(1),
        logs,
    )
    u = empty.standardised(rows.x)
    return replace(
        empty, mean=mean(u, rows.weights), spread=np.maximum(deviation(u, rows.weights), 1e-6)
    )


def _best_rounded(nets: list[Net], frame: FittedNet, rows: Rows) -> FittedNet:
    """The net with the least error as integers: the one with the least error in float may have
    units that rounding spoils.
    """
    if len(nets) == 1:
        return replace(frame, net=nets[0], rounded=None)

    fits = [replace(frame, net=net, rounded=None) for net in nets]
    chains = [lower(fit, rows) for fit in fits]
    errors = [mean_error(nodes, rows.x, rows.y, rows.weights) for nodes in chains]
    best = int(np.argmin(errors))
    return replace(fits[best], rounded=(rows, chains[best]))


def _direct(problem: Problem, hidden: tuple[int, ...], seed: int, draft: bool = False) -> list[Net]:
    """The last and best nets that a search for one of two hidden layers came by; of a draft the
    best one only.
    """
    some = problem.thinned([seed, 1], MOST_ROWS)
    if draft:
        kicks = tries(DRAFT_KICKS, LEAST_DRAFT, _parameters(hidden, problem.z.shape[1]))
        return found_deep(some, hidden, seed, DRAFT_STARTS, kicks)[-1:]
    found = found_deep(some, hidden, seed, STARTS, DEEP_KICKS)
    return [finished(net, some, problem) for net in found[-MOST_ROUNDED:]]


def fit(rows: Rows, config: Config, seed: int = 0) -> FittedNet:
    return fit_many(rows, [config], seed)[0]


def lower(fitted: FittedNet, rows: Rows):
    if fitted.rounded is not None and _alike(fitted.rounded[0], rows):
        return fitted.rounded[1]
    error = rows.error(fitted.predict(rows.x))
    return narrowest(_chains(fitted, rows), rows.x, rows.y, error, rows.weights, WORTH_16_BITS)


def _alike(some: Rows, others: Rows) -> bool:
    """True where the rows are the same ones; the inputs and the output are those of the net."""
    fields = ("x", "y", "weights")
    return all(np.array_equal(getattr(some, f), getattr(others, f)) for f in fields)


def _chains(fitted: FittedNet, rows: Rows):
    """The chains of `_ways`; after them, where bytes spoil the net, those of units of int16."""
    tried = []
    for nodes in _ways(fitted, rows):
        tried.append(nodes)
        yield nodes
    if not any(isinstance(node, Dense) and node.is_in_bytes for node in tried[0]):
        return
    most = SPOILT * rows.error(fitted.predict(rows.x))
    if all(mean_error(nodes, rows.x, rows.y, rows.weights) > most for nodes in tried):
        yield from _ways(fitted, rows, words=True)


def _ways(fitted: FittedNet, rows: Rows, words: bool = False):
    """The best chain for each width of the output layer; before them, where a hidden sum takes more
    than 24 bits, those whose sums do not.
    """
    wide, inputs = list(_rounds(fitted, rows, words=words)), rows.x.shape[1]
    quick = [found for found in wide if _sums_fit(found[0], inputs)]
    if len(quick) < len(wide):
        narrow = list(_rounds(fitted, rows, narrow=True, words=words))
        yield from _outputs(fitted, rows, quick + narrow)
    yield from _outputs(fitted, rows, wide)


def _outputs(fitted: FittedNet, rows: Rows, rounds: list):
    """The best chain of all rounds for each width of the output layer."""
    for output_bits in OUTPUT_BITS:
        chains = (
            (*front, output_row(linear, fitted.root, rows.output, output_bits))
            for front, linear in rounds
        )
        whole = [(*chain, *fitted.root.nodes) for chain in chains]
        yield min(whole, key=lambda nodes: mean_error(nodes, rows.x, rows.y, rows.weights))


def _sums_fit(front, inputs: int) -> bool:
    """True where the quick kernels take every hidden layer."""
    proven = prove(front, inputs)
    return all(
        has_kernel(node, inside.c_type, bounds)
        for node, inside, bounds in zip(front[1:], proven, proven[1:])
        if isinstance(node, Dense)
    )


def _rounds(fitted: FittedNet, rows: Rows, narrow: bool = False, words: bool = False):
    """(nodes up to the last hidden layer, output layer fitted to what they give) of each round of
    joint rounding; narrow, words: as `forms_behind` says.
    """
    scale, problem = _scaling(fitted.logs), _problem(fitted, rows)
    net = train_net(fitted.net, problem, 10)
    forms = forms_behind(scale, len(fitted.net.sizes) - 2, narrow, words)
    frames = frames_of(net, problem, *fitted.frame(scale), forms)
    for _ in range(ROUNDS):
        for layer in range(len(frames)):
            net = round_layer(net, problem, layer, frames[layer])
        front = (*fitted.logs.nodes, scale, *(frame.node(net, k) for k, frame in enumerate(frames)))
        values = apply_all(front, rows.x).astype(np.float64)
        yield front, fit_linear(values, rows.y, fitted.root, ridge=1e-9, counts=rows.weights)


def _scaling(logs: Logs) -> Scale:
    """The node that scales the inputs."""
    if (
        min(high - low for low, high in logs.limits) >= NARROW_STEPS
        and len(logs.limits) <= MOST_FINE
    ):
        return scale_inputs(logs.limits, NARROW_BITS)
    return scale_inputs(logs.limits, _wide_bits(logs), widen=True)


def _wide_bits(logs: Logs) -> int:
    """Fewer bits where an input of few raw steps, which a 16-bit multiplier cannot widen to all of
    them, would need far larger weights than the others.
    """
    spans = [high - low for low, high in logs.limits]
    mixed = min(spans) < FEW_STEPS <= max(spans) and min(spans) < 1 << (WIDE_BITS - 8)
    return MIXED_BITS if mixed else WIDE_BITS


def _least_bytes(config: Config, inputs: int) -> int:
    """Code, a byte per weight, two per bias, five for each of a few inputs, more of which may
    have one range; another kernel for a second layer, and the logarithm's.
    """
    widths = (inputs, *config.hidden)
    layers = (
        sum(units * (width + 2) for width, units in zip(widths, config.hidden)) + config.hidden[-1]
    )
    code = min(205 + 5 * inputs, 240)
    return code + layers + 100 * (len(config.hidden) - 1) + (100 if config.logs else 0)


def _least_cycles(config: Config, inputs: int) -> int:
    widths = (inputs, *config.hidden)
    return LEAST_WEIGHT_CYCLES * sum(before * units for before, units in pairwise(widths))


# Under drift, capacity makes things worse (measured); and ten folds of nets are the slowest part of
# a search.
FAMILY = Family(
    "mlp",
    "ReLU net",
    candidates,
    fit,
    lower,
    fit_many,
    size=lambda config: (config.hidden, config.logs),
    under_drift=False,
    together=lambda config: (config.logs, config.hidden if len(config.hidden) > 1 else "ladder"),
    least_bytes=_least_bytes,
    least_cycles=_least_cycles,
    better=better,
    without=without,
    most_rows=MOST_ROWS,
    waits=lambda config: len(config.hidden) > 1,
    worth_trying=worth_trying,
    in_vain=in_vain,
    on_budget=lambda config: len(config.hidden) > 1 and sum(config.hidden) > MOST_UNITS,
)
