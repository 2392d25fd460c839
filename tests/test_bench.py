"""`make bench` on stored points: ratios, verdicts, what is listed; a wrong peer is called wrong."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from random_models import random_models

from tinygen.common.tables import counted
from tinygen.data import Dataset, Provenance, Rows, Split

ROOT = Path(__file__).parent.parent
BENCHMARKS = ROOT / "benchmarks"


@pytest.fixture(scope="module", autouse=True)
def importable():
    sys.path.insert(0, str(BENCHMARKS))
    yield
    sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def bench(importable):
    from bench import (
        grid,
        limit,
        measure,
        ours,
        parts,
        peers,
        plot,
        run,
        show,
        tasks,
        theirs,
        verdicts,
    )

    modules = (grid, limit, measure, ours, parts, peers, plot, run, show, tasks, theirs, verdicts)
    return type("Bench", (), {m.__name__.split(".")[1]: m for m in modules})


def point(bench, package, error, flash, cycles, **changed):
    ours = package == "tinygen"
    blank = bench.measure.Point(package, "1", "tree, depth 4", "as it is", fitted=not ours)
    figures = {"flash_bytes": flash, "cycles_median": cycles, "cycles_max": cycles}
    figures |= {"error": error, "model_error": error, "rows": 400, "board": "atmega328p"}
    return replace(blank, **(figures | changed))


def found(bench, *points):
    return bench.verdicts.found_lines("B random", points, 1 / 6, 1 / 10)


def test_rows_beyond_what_a_model_accepts_are_clamped_as_by_the_firmware(bench):
    model = random_models()["linear16"]
    low, high = (np.array(ends) for ends in zip(*(q.limits for q in model.inputs)))
    rows = Rows(np.array([low, high + 40]), np.zeros(2), model.inputs, model.output)
    data = Dataset(rows, Split(np.empty(0, int), np.array([0, 1])), Provenance("made up"))
    rows = bench.ours._rows(SimpleNamespace(dataset=data), model)
    assert (rows == [low, high]).all()
    assert (model.answer(data.x) == model.predict(rows)).all()


# ---- verdicts ----


@pytest.mark.parametrize(
    ("flash", "cycles", "holds"), [(100, 90, True), (101, 90, False), (100, 91, False)]
)
def test_a_sixth_of_the_smallest_and_a_tenth_of_the_quickest(bench, flash, cycles, holds):
    ours = point(bench, "tinygen", 1.0, flash, cycles, chosen=True)
    small, quick = point(bench, "small", 1.0, 600, 9000), point(bench, "quick", 0.9, 9000, 900)
    worse = point(bench, "worse", 1.01, 10, 10)
    chosen, *levels = found(bench, ours, small, quick, worse)
    assert (chosen.small, chosen.quick, chosen.holds) == (small, quick, holds)
    assert chosen.flash == flash / 600 and chosen.cycles == cycles / 900
    assert [line.error for line in levels] == [0.9, 1.0, 1.01]


def test_what_misses_is_named_with_the_peer(bench):
    ours = point(bench, "tinygen", 1.0, 400, 50, chosen=True, model="mlp, 7 of 7 inputs")
    (chosen, _) = found(bench, ours, point(bench, "emlearn", 1.0, 1000, 1000))
    assert chosen.why == "flash 0.40 over 0.17 of emlearn's tree, depth 4, ours mlp"


def test_an_error_that_only_a_peer_has_is_a_miss(bench):
    ours = point(bench, "tinygen", 1.0, 1, 1, chosen=True)
    level = found(bench, ours, point(bench, "emlearn", 0.5, 9000, 9000))[1]
    assert level.holds is False
    assert level.why == "no model of ours has this error, the best has 1"


def test_an_error_that_no_peer_has_is_compared_with_their_lowest(bench):
    ours = point(bench, "tinygen", 0.5, 100, 100, chosen=True)
    peers = point(bench, "a", 1.0, 1000, 1000), point(bench, "b", 2.0, 10, 10)
    chosen = found(bench, ours, *peers)[0]
    assert not chosen.reached and chosen.small == peers[0] and chosen.holds


def test_models_that_peers_do_not_fit_are_no_peers(bench):
    ours = point(bench, "tinygen", 1.0, 100, 90, chosen=True)
    own = point(bench, "float C", 1.0, 1, 1, fitted=False)
    lines = found(bench, ours, own, point(bench, "emlearn", 1.0, 600, 900))
    assert all(line.holds for line in lines)


@pytest.mark.parametrize(
    ("ours", "holds"), [((500, 300), True), ((501, 300), False), ((500, 301), False)]
)
def test_converted_half_and_a_third_of_the_best_that_answers_right(bench, ours, holds):
    points = [
        point(bench, "tinygen", 1.0, *ours, chosen=True, fitted=True, way="convert: balanced"),
        point(bench, "small", 1.0, 1000, 9000),
        point(bench, "quick", 1.0, 9000, 900),
        point(bench, "wrong", 1.01, 10, 10, model_error=1.0),
        point(bench, "broken", 0.0, 0, 0, message="does not compile"),
    ]
    (line,) = bench.verdicts.converted_lines("B random", points)
    assert (line.holds, line.small.package, line.quick.package) == (holds, "small", "quick")


def test_another_form_of_ours_that_would_hold_is_named(bench):
    ours = point(bench, "tinygen", 1.0, 501, 90, chosen=True, fitted=True, way="convert: speed")
    other = replace(ours, flash_bytes=400, cycles_max=200, chosen=False, way="emit --optimize size")
    peer = point(bench, "emlearn", 1.0, 1000, 900)
    (line,) = bench.verdicts.converted_lines("B random", [ours, other, peer])
    assert not line.holds and line.ours == ours
    assert line.why.endswith("of emlearn's tree, depth 4; emit --optimize size would hold")


def test_a_conversion_that_answers_otherwise_does_not_hold(bench):
    points = [
        point(bench, "tinygen", 0.2, 1, 1, chosen=True, fitted=True, classes=True, differing=3),
        point(bench, "emlearn", 0.2, 1000, 9000, classes=True),
    ]
    (line,) = bench.verdicts.converted_lines("wine", points)
    assert line.holds is False and line.why == "ours answers 3 rows otherwise"
    number = replace(points[0], classes=False, error=1.04, model_error=1.0, differing=0)
    (line,) = bench.verdicts.converted_lines("A time", [number, replace(points[1], classes=False)])
    assert line.holds is False and line.why == "ours errs 4.0 % more than its model"


def test_the_front_keeps_what_nothing_beats(bench):
    best, small = point(bench, "a", 1.0, 100, 100), point(bench, "b", 2.0, 50, 200)
    beaten = point(bench, "c", 2.0, 100, 100)
    assert bench.verdicts.front([beaten, small, best]) == [best, small]


# ---- what is shown ----


@pytest.fixture
def tiny(bench):
    points = (
        point(bench, "tinygen", 0.9, 100, 90, chosen=True, weights=9, limit_loaded=72.0),
        point(bench, "tinygen", 1.0, 90, 80, chosen=True, fitted=True, way="convert: size"),
        point(bench, "emlearn", 1.0, 600, 900, splits=4.0),
        point(bench, "m2cgen", 1.2, 500, 800, model_error=1.0, differing=7),
        point(bench, "micromlgen", 0.0, 0, 0, message="peer.h:8: cstdarg: No such file"),
    )
    return bench.show.Run({"B random": points}, ("abc",))


def test_the_text_has_the_figures_the_failures_and_the_verdicts(bench, tiny):
    text = bench.show.as_text(tiny)
    assert "micromlgen 1, as it is: peer.h:8: cstdarg: No such file (of 1, first B" in text
    assert (
        "m2cgen, as it is: B random, tree, depth 4: 7 of 400 rows, error 1.2, its model's 1" in text
    )
    assert re.search(r"emlearn 1, as it is .* 900 +900 +225\.0", text)  # a split
    assert re.search(r"tinygen 1, as it is .* 90 +90 +10\.0 +8\.0", text)  # a weight, and the limit
    assert "everywhereml: tree, forest, net, linear" in text
    assert "converted: 1 of 1 hold" in text and "as train chooses: 1 of 1 hold" in text


def test_json_and_page_tell_the_same_ratios(bench, tiny):
    plain = json.loads(bench.show.as_json(tiny))
    chosen, converted = plain["lines"][0], plain["lines"][-1]
    assert (chosen["flash"], chosen["cycles"], chosen["holds"]) == (0.1667, 0.1, True)
    assert (converted["flash"], converted["cycles"]) == (0.15, round(80 / 900, 4))
    page = bench.show.as_markdown(tiny)
    row = "| B random | 1 ug/m3 | emlearn, tree, depth 4: 600 B; emlearn, tree, depth 4: 900 |"
    assert row in page and "| 0.167, 0.100 | 0.167, 0.100 | yes | 1 of 2 |" in page
    assert "Not in this run yet: benzene, all columns (A random)," in page
    assert "| tree | 1 | 1/1 | 1/1 | 0.15, 0.15 | 0.09, 0.09 | 0 |" in page


def test_the_picture_has_a_front_for_each_generator_and_is_the_same_twice(bench, tiny):
    drawn = bench.show.as_picture(tiny)
    assert drawn == bench.show.as_picture(tiny)
    for name in ("tinygen, found in the rows", "tinygen, converted", "emlearn", "worst cycles"):
        assert f">{name}</text>" in drawn, name
    assert ">micromlgen</text>" not in drawn


def test_the_page_and_the_text_are_those_of_the_saved_run(bench):
    run = bench.show.read_run(bench.parts.SAVED)
    page = bench.show.PAGE.read_text(encoding="utf-8")
    section = page.split(bench.show.START)[1].split(bench.show.END)[0]
    assert section == bench.show.as_markdown(run), "run `make bench ARGS=--show`"
    results = bench.parts.SAVED.parent
    assert (results / "bench.txt").read_text(encoding="ascii") == bench.show.as_text(run)
    assert (results / "bench.json").read_text(encoding="ascii") == bench.show.as_json(run)


# ---- runs ----


def rows_of(bench):
    return bench.tasks.TASKS["wine"].dataset


def test_a_task_without_its_file_is_left_out(bench, tmp_path, monkeypatch):
    (tmp_path / "AirQualityUCI.csv").touch()
    monkeypatch.setenv("TINYGEN_DATA", str(tmp_path))
    monkeypatch.setattr(bench.run, "absent", lambda packages: [])
    fan, said = replace(bench.tasks.TASKS["fan"]), []
    bench.run.run([fan], False, False, said.append, tmp_path)
    assert len(said) == 1 and said[0].startswith("fan: left out, No such file or directory: ")


@pytest.fixture
def stopped_run(bench, tiny, tmp_path, monkeypatch):
    """A run on one task whose parts are made up, and what it says; with a part in `cut` it stops
    there.
    """
    task = replace(bench.tasks.TASKS["B random"], load=lambda: rows_of(bench))
    said, cut = [], set()
    monkeypatch.setattr(bench.run, "absent", lambda packages: [])

    def part(task, title):
        if title in cut:
            raise KeyboardInterrupt
        ours = bench.parts.PARTS[title][0] == bench.parts.OURS
        return [p for p in tiny.points["B random"] if p.ours == ours]

    monkeypatch.setattr(bench.run, "measured_part", part)

    def run(quick=False, fresh=False, **sides):
        said.clear()
        bench.run.run([task], quick, fresh, said.append, tmp_path, **sides)
        return [line.removeprefix("B random, 178 rows: ") for line in said]

    return run, said, cut


def test_a_run_goes_on_where_it_was_cut_off(bench, stopped_run, tmp_path):
    run, said, cut = stopped_run
    peers, ours = (bench.parts.titles(side, False) for side in ("peers", "tinygen"))
    cut.add(ours[3])
    with pytest.raises(KeyboardInterrupt):
        run()
    assert len(said) == len(peers) + 4  # all of the peers first
    assert len(bench.parts.read_saved("B random", tmp_path)) == len(peers) + 3
    cut.clear()
    assert run() == ours[3:] and run() == []
    saved = bench.parts.read_saved("B random", tmp_path)
    assert list(saved) == list(bench.parts.PARTS)  # not in the order of the run
    assert all(p.ours == (t in ours) for t, part in saved.items() for p in part.points)
    assert run(quick=True, fresh=True) == [
        *bench.parts.titles("peers", True),
        *bench.parts.titles("tinygen", True),
    ]


def test_a_change_of_tinygen_leaves_the_peers_parts(bench, stopped_run, monkeypatch):
    run, _, _ = stopped_run
    everything = run(quick=True)
    before = bench.run.sources
    monkeypatch.setattr(bench.run, "sources", lambda s: before(s) if s == "peers" else "others")
    again = run(quick=True)
    assert again == bench.parts.titles("tinygen", True) and len(again) == 4
    assert set(everything) - set(again) == set(bench.parts.titles("peers", True))


def test_one_side_alone_needs_no_packages_of_the_other(bench, stopped_run, monkeypatch):
    run, _, _ = stopped_run
    monkeypatch.setattr(bench.run, "absent", lambda packages: ["emlearn"])
    assert run(quick=True, sides=("tinygen",)) == bench.parts.titles("tinygen", True)
    monkeypatch.setattr(bench.run, "absent", lambda packages: [])
    assert run(quick=True, sides=("peers",)) == bench.parts.titles("peers", True)


def test_what_only_one_side_has_is_not_compared(bench, tiny, stopped_run, tmp_path):
    """The page says what is missing; nothing of it is called a miss of the peers."""
    run, _, cut = stopped_run
    run(sides=("tinygen",))
    alone = bench.show.read_run(tmp_path)
    page = bench.show.as_markdown(alone)
    assert not alone.found and not alone.converted and "(B random)" in page
    assert bench.show.as_text(alone) and bench.show.as_json(alone) and bench.show.as_picture(alone)
    cut.add("linear, peers")
    with pytest.raises(KeyboardInterrupt):
        run()
    partly = bench.show.read_run(tmp_path)
    page = bench.show.as_markdown(partly)
    assert partly.found and partly.converted and "(B random)" not in page
    assert "With parts still missing: B random (1 of 19)." in page


def test_a_peer_that_is_not_installed_ends_the_run(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(bench.run, "absent", lambda packages: ["emlearn"])
    with pytest.raises(SystemExit, match="not installed: emlearn: start this with `make bench`"):
        bench.run.run([], False, False, print, tmp_path)


# what of tinygen a peer's figure depends on through the hashed text of its program alone, and
# through the hashed rows
AS_TEXT = tuple(f"tinygen/{n}" for n in ("codegen/", "model/", "common/jinja.py", "common/text.py"))
AS_ROWS = ("tinygen/data/", "benchmarks/goals.py", "benchmarks/sklearn_sets.py")


def files_run(function) -> set[str]:
    """Files of this project, not of its tests, whose functions a call of `function` runs."""
    found: set[str] = set()

    def seen(frame, event, _):
        if event == "call" and frame.f_code.co_name != "<module>":
            found.add(frame.f_code.co_filename)

    sys.setprofile(seen)
    try:
        function()
    finally:
        sys.setprofile(None)
    ours = tuple(f"{ROOT}/{folder}/" for folder in ("benchmarks", "host", "tinygen"))
    return {
        Path(file).relative_to(ROOT).as_posix()
        for file in found
        if file.startswith(ours) and "site-packages" not in file
    }


def test_a_peers_part_depends_on_what_it_runs(bench):
    """Every file that measures a peer is hashed, or reaches it through what is."""

    def measure():
        task = replace(bench.tasks.TASKS["wine"])
        fitted = bench.grid.fit(task, bench.grid.Configuration("tree", 2))
        way = next(w for w in bench.peers.offered(fitted) if w.package == "float C")
        blank = bench.measure.Point("float C", "by hand", "", way.title, fitted=True)
        reference = fitted.original.predict(task.dataset.x[task.dataset.test].astype(float))
        assert bench.theirs.point(task, blank, way, fitted, reference).right
        bench.grid.counts(fitted, task.dataset.x)

    ran = files_run(measure)
    hashed = {
        p.relative_to(ROOT).as_posix()
        for pattern in bench.parts.SOURCES["peers"]
        for p in ROOT.glob(pattern)
    }
    assert {"tinygen/target/bare.py", "host/virtual/core.py"} <= hashed & ran
    assert {f for f in ran - hashed if not f.startswith(AS_TEXT + AS_ROWS)} == set()


def test_the_hash_of_a_side_follows_its_files(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(bench.parts, "ROOT", tmp_path)
    hashes = bench.parts.sources.__wrapped__

    def both(path):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("new")
        return hashes("peers"), hashes("tinygen")

    start = hashes("peers"), hashes("tinygen")
    trainer = both("tinygen/search/ladder.py")
    assert trainer[0] == start[0] and trainer[1] != start[1]
    way = both("benchmarks/converted_ways.py")
    assert way[0] != trainer[0] and way[1] == trainer[1]
    for path in ("benchmarks/bench/grid.py", "host/virtual/core.py", "tinygen/target/bare.py"):
        before, after = way, both(path)
        assert after[0] != before[0] and after[1] != before[1], path
        way = after
    monkeypatch.setattr(bench.theirs, "program", lambda: "another main")
    assert hashes("peers") != way[0] and hashes("tinygen") == way[1]


def test_the_hash_of_rows_is_of_what_a_fit_gets(bench):
    data, of = rows_of(bench), bench.parts.rows_of
    x = data.x.copy()
    x[5, 2] += 1
    test, train = data.test, data.train
    other_split = replace(data.split, train=np.sort(np.append(train, test[0])), test=test[1:])
    fine = replace(data.target, scale=0.5)
    changed = [
        data.with_rows(x=x),
        data.with_rows(y=data.y[::-1].copy()),
        data.with_rows(output=fine),
        data.with_rows(labels=("a", "b", "c")),
        replace(data, split=other_split),
    ]
    assert len({of(data), *map(of, changed)}) == 6
    assert of(data.with_rows(x=data.x.copy(order="F"))) == of(data)


def test_other_rows_are_measured_anew(bench, stopped_run, monkeypatch):
    run, _, _ = stopped_run
    everything = run(quick=True)
    assert run(quick=True) == []
    monkeypatch.setattr(bench.run, "rows_of", lambda data: "others")
    assert run(quick=True) == everything


def test_every_source_of_a_part_is_there(bench):
    for side in bench.parts.SIDES:
        for pattern in bench.parts.SOURCES[side]:
            assert list(ROOT.glob(pattern)), pattern


def test_the_program_around_a_peer_has_nothing_of_its_code(bench):
    text = bench.theirs.program()
    assert "int main(void)" in text and "#define model_predict(x) peer_predict(x)" in text
    assert "peer_range[" not in text and "tinygen 0." not in text


def test_wrong_code_is_called_wrong_and_broken_code_has_its_message(bench):
    from converted_ways import Way
    from peer_code import Code

    task, size = bench.tasks.TASKS["wine"], bench.grid.Configuration("tree", 2)
    fitted = bench.grid.fit(task, size)
    rows = task.dataset.x[task.dataset.test]
    reference = fitted.original.predict(rows.astype(float))
    blank = bench.measure.Point("other", "1", size.title, "", fitted=True)

    def told(write):
        way = Way("other", "", ("tree",), write)
        return bench.theirs.point(task, blank, way, fitted, reference)

    right = told(bench.peers._float_trees)
    wrong = told(lambda f: replace(bench.peers._float_trees(f), body="    return 1;"))
    broken = told(lambda f: Code("#error no such chip", "    return 1;"))
    raising = told(lambda f: [][1])
    assert right.right and right.error == right.model_error and right.flash_bytes > 100
    assert not wrong.right and wrong.differing > 5 and not wrong.message
    assert "no such chip" in broken.message and raising.message.startswith("IndexError")
    run = bench.show.Run({"wine": (right, wrong, broken, raising)})
    (line,) = bench.show.otherwise(run)
    assert f"{wrong.differing} of {len(rows)} rows" in line
    assert len(bench.show.failures(run)) == 2


# ---- limits ----


def test_the_limits_of_a_product_are_those_of_its_instructions(bench):
    # MUL, ADD, ADC, ADC; MUL, ADD, ADC; with LPM and two LD
    assert bench.limit.product_cycles(1, 2, 3) == (9 + 3 + 4, 9)
    assert bench.limit.product_cycles(1, 1, 2) == (4 + 3 + 2, 4)


def test_weights_and_splits_are_counted_as_the_estimator_has_them(bench):
    import tinygen

    task = bench.tasks.TASKS["wine"]
    rows = task.dataset.x[task.dataset.test]
    for size in (bench.grid.Configuration("tree", 3), bench.grid.Configuration("linear")):
        fitted = bench.grid.fit(task, size)
        x, y = fitted.training_rows, fitted.training_targets
        model = tinygen.convert(fitted.original, x, y, input_scales=[1.0] * x.shape[1])
        used = rows[:, [int(q.name[1:]) for q in model.inputs]]
        limit = bench.limit.limit_of(model, used)
        weights, splits = bench.grid.counts(fitted, rows)
        assert limit.weights == weights and limit.splits == pytest.approx(splits)
        assert 0 < limit.held < limit.loaded


# ---- tables of tasks and peers ----


def test_every_peer_has_a_pinned_version_and_hashes(bench):
    text = (BENCHMARKS / "requirements.txt").read_text(encoding="ascii")
    pinned = dict(re.findall(r"^([\w-]+)==(\S+) \\\n    --hash=sha256:\w{64}", text, re.MULTILINE))
    assert {p for p in bench.peers.PACKAGES if p != "float C"} <= pinned.keys()
    assert len(pinned) == len(re.findall(r"^[\w-]+(?:\[.*\])?==", text, re.MULTILINE))


def test_windows_of_one_recording_are_on_one_side(bench, tmp_path, monkeypatch):
    lines = ["recording,part,t [s],activity,ax,ay,az,gx,gy,gz"]
    for k, part in enumerate(("test", "train", "train", "test")):
        moves = ("walking", "running")[k % 2]
        lines += [f"{k},{part},{t / 10},{moves}" + f",{k + t % 2}" * 6 for t in range(200)]
    (tmp_path / "basic_motions.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "AirQualityUCI.csv").touch()
    monkeypatch.setenv("TINYGEN_DATA", str(tmp_path))
    data = bench.tasks.TASKS["motions"].load()
    assert data.x.shape == (8, 18) and data.labels == ("running", "walking")
    assert list(data.train) == [2, 3, 4, 5] and list(data.test) == [0, 1, 6, 7]
    folds = {(tuple(fitted), tuple(held_out)) for fitted, held_out in data.split.cuts}
    assert folds == {((2, 3), (4, 5)), ((4, 5), (2, 3))}
    np.testing.assert_array_equal(data.x[0, ::6], [500, 500, 1000])  # mean, deviation, range


def test_a_fold_of_the_fan_holds_out_whole_speeds(bench, tmp_path, monkeypatch):
    lines = ["Sensor Configuration,Rotation Speed Percentage,x,y,z"]
    for config in (1, 2):
        for speed in (20, 25, 30, 35):
            lines += [f"{config},{speed},{k % 3},{config},{speed}" for k in range(100)]
    (tmp_path / "fan_accelerometer.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "AirQualityUCI.csv").touch()
    monkeypatch.setenv("TINYGEN_DATA", str(tmp_path))
    data = bench.tasks.TASKS["fan"].load()
    speeds = np.tile(np.repeat([20, 25, 30, 35], 2), 2)
    assert set(speeds[data.test]) == {30} and len(data.split.cuts) == 3
    for fitted, held_out in data.split.cuts:
        assert not set(speeds[fitted]) & set(speeds[held_out])
        assert sorted([*fitted, *held_out]) == list(data.train)


def test_the_table_of_the_demo_has_the_models_that_the_run_found(bench):
    """Of the tasks that are saved: error, flash, RAM with stack, worst cycles, milliseconds."""
    page = (ROOT / "docs/demo.md").read_text(encoding="utf-8")
    run = bench.show.read_run(bench.parts.SAVED)
    for task, words in (("B random", "| random, "), ("B time", "| last 30 % of the year, ")):
        (line,) = [row for row in page.splitlines() if row.startswith(words)]
        for p in (p for p in run.points.get(task, ()) if p.chosen and not p.fitted):
            ram, ms = p.ram_bytes + p.stack_bytes, p.cycles_max / 16_000
            cost = f"{p.flash_bytes:,} bytes of flash, {counted(ram, 'byte')} of RAM and stack"
            assert f"| {p.error:.2f} ug/m3 | {cost}, {p.cycles_max:,} cycles ({ms:.2f} ms)" in line
