"""A training as others can have it: a run as a plain PyTorch script, the curves as CSV, the parameters as a checkpoint."""

import ast
import csv
import inspect
import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from core import Schedule, Twin
from core.effects import EFFECTS
from core.symbolic.notation import symbol
from core.words import cut
from networks.analysis.shaken import shaken
from networks.data import augment, columns, delimited, encoding, files, prepare, sources
from networks.data.encoding import parted
from networks.data.prepare import FileTable, Table
from networks.data.prepare import split as split_of
from networks.export.excerpt import body_of, completed, inlined
from networks.model.layers import activation, dropout, recurrent
from networks.model.layers.dropout import SeededDropout
from networks.model.losses import Loss
from networks.model.network import Network
from networks.model.parameters import DRAWS
from networks.training import entrants, regime
from networks.training.entrants import numbers_of
from networks.training.regime import PER_RUN, REGIME, Regime
from networks.training.training import Training
from optimizers import ENTRANTS

HOMES = (prepare, columns, delimited, encoding, augment, activation, dropout, recurrent, sources, regime, entrants, files)
"""Where the names in a script come from."""

IN_TORCH = {"g": "p.grad", "x": "p", "sign": "torch.sign", "clip": "torch.clip", "maximum": "torch.clamp"}
"""What the formulas of effects name, for a parameter p; torch calls the maximum of a tensor and a number clamp."""

CALM = {"float32": 2e-6, "float64": 1e-10}
"""A run makes little of rounding whose loss it moves by less of itself, by precision: the script's is as near, or nearly."""


def script(training: Training, run: int) -> str:
    """A script of torch, numpy and scikit-learn that makes a run anew, up to its last record, and prints its loss there.

    It ends with what the loss was here, and how much of rounding the run makes. Raises ValueError for a run that no such
    script makes: forked, on images of a user's own, of a rule that torch.optim has not, or with a schedule that the rule there
    does not follow.
    """
    text = _written(training, run)
    return "\n".join([text, *_rounded(training, run), ""])


def why_no_script(training: Training, run: int) -> str:
    """Why there is no script of a run; empty where there is one."""
    try:
        _written(training, run)
    except ValueError as error:
        return str(error)
    return ""


def _written(training: Training, run: int) -> str:
    if training.begun:
        raise ValueError(f"the run was forked at step {training.begun}: a script is only made of a run from its beginning")
    task, regime, (key, numbers, seed) = training.task, training.regime, numbers_of(training, run)
    steps = int(min(training.kept[run], training.metric_steps[-1]))
    if not steps and training.regime.steps and np.isnan(training.metrics["val_loss"][0, run]):
        raise ValueError("the training was stopped before its first evaluation was done, so there is no script of it")
    definitions = [_losses(task.model.measure), *([_factors(regime.schedule)] if _varies(regime.schedule) else [])]
    sections = [
        _settings(regime, seed),
        _data(training),
        _model(task.model, regime.dtype),
        _loop(training, key, numbers, steps),
        _validation(task.model),
    ]
    text = "\n\n\n".join([*definitions, "\n\n".join("\n".join(lines) for lines in sections)])
    name = task.title.replace("\\", "/").replace('"', "'")  # a file's may end the text it stands in
    title = f"{name}, trained by {ENTRANTS[key].title} for {steps} steps. It prints the validation loss at the end."
    return f'"""{title}"""\n\n' + completed(text, HOMES)


def curves_csv(training: Training, titles: Sequence[str]) -> str:
    """CSV: a row a record and run, with the step, the run's title and every metric, empty where there is none."""
    text, metrics = io.StringIO(), training.curves
    rows = csv.writer(text)
    rows.writerow(["step", "run", *metrics])
    for i, step in enumerate(training.metric_steps.tolist()):
        for run, title in enumerate(titles):
            found = (float(values[i, run]) for values in metrics.values())
            rows.writerow([step, title, *("" if math.isnan(value) else value for value in found)])
    return text.getvalue()


def checkpoint(training: Training) -> bytes:
    """A file that torch.load(file, weights_only=True) reads, without Ravine, as a dict of plain types.

    task, steps   the task's key, and the step that the training has come to
    metric_steps  the steps after which the metrics were recorded
    runs          a dict for each: its "rule", "hypers" by name and "seed"; "model", a state dict for its module or for the
                  model of its script, as it was after "step"; "slots", what the rule keeps after its last step, for each
                  slot a tensor for each name of the state dict;
                  "metrics", for each a list of numbers, NaN where there is none

    So `module.load_state_dict(torch.load(file, weights_only=True)["runs"][0]["model"])`.
    """
    model, last = training.task.model, training.snapshots[-1]
    slots = [[slot[row] for slot in held] for rows, held in last.slots for row in range(rows.stop - rows.start)]
    runs = []
    for run in range(training.runs):
        key, numbers, seed = numbers_of(training, run)
        kept = zip(ENTRANTS[key].rule.slots, slots[run], strict=True)
        runs.append(
            {
                "rule": key,
                "hypers": numbers,
                "seed": seed,
                "step": int(training.kept[run]),
                "model": model.tensors(training.x[run]),
                "slots": {name: model.tensors(slot) for name, slot in kept},
                "metrics": {name: values[:, run].tolist() for name, values in training.curves.items()},
            }
        )
    told = {"task": training.task.key, "steps": training.steps, "metric_steps": training.metric_steps.tolist()}
    file = io.BytesIO()
    torch.save({**told, "runs": runs}, file)
    return file.getvalue()


def _varies(schedule: Schedule) -> bool:
    return bool((schedule.factors(100) != 1).any())


def _losses(measure: Loss) -> str:
    return f'def losses(outputs, y):\n    """{measure.title} of each row."""\n    return {measure.torch}'


def _factors(schedule: Schedule) -> str:
    given = (f"{name}={value!r}" for name, value in zip(schedule.hypers, schedule.parameters, strict=True))
    told = f'"""{schedule.title}: what lr is multiplied by at step t, from 1 to steps."""'
    return f"def {schedule.key}({', '.join(['t', 'steps', *given])}):\n    {told}\n{body_of(schedule.function)}"


def _settings(regime: Regime, seed: int) -> Iterator[str]:
    yield f"DATA_SEED, SEED, STEPS, BATCH_SIZE = {regime.data_seed}, {seed}, {regime.steps}, {regime.batch_size}"
    yield "torch.set_num_threads(1)  # a small network is no work for more"
    if regime.dtype == "float64":
        yield "torch.set_default_dtype(torch.float64)"


def _data(training: Training) -> Iterator[str]:
    """The table, its split and what of its preparation is wanted, in the order of `networks.data.prepare.prepared`."""
    task, wanted, held, seed = training.task, training.task.preparation, len(training.data.x_test), training.regime.data_seed
    table = task.source(seed)
    file = table if isinstance(table, FileTable) and table.written else None
    in_proportion = ", stratify=table.y{}" if task.classes else ""
    scaling = table.scaling if wanted.scaling == "own" else wanted.scaling
    split = f"train_test_split({{}}, test_size={held}, random_state=DATA_SEED{in_proportion})"

    yield f"# The data: {held} rows are held back for a test."
    yield from _read(file, task.title) if file else _made(task.source)
    yield f"rest, test = {split.format('np.arange(len(table.y))', '')}"
    if wanted.folds:
        cutter = "StratifiedKFold" if task.classes else "KFold"
        yield f"folds = {cutter}({wanted.folds}, shuffle=True, random_state=DATA_SEED).split(rest, table.y[rest])"
        yield f"train, val = (rest[rows] for rows in list(folds)[{wanted.fold}])"
    else:
        yield f"train, val = {split.format('rest', '[rest]')}"
    yield "parts = [table.x[train], table.x[val]]"
    words: list[int] = []
    if file and file.columns:
        _, measured, words = parted(file.columns, table.x[split_of(table, seed, fold=wanted.fold, folds=wanted.folds)[0]])
        yield f"measured, worded = {measured}, {words}  # the columns that are of use: numbers; words"
        if words:
            yield "encoder = encoder_of(parts[0][:, worded])"
            yield "ones = [encoder.transform(coded(part[:, worded])) for part in parts]"
        yield "parts = [part[:, measured] for part in parts]"
        if np.isnan(table.x[:, measured]).any():
            yield "parts = _filled(parts)"
    if wanted.outliers == "clip":
        yield "parts, _ = _clipped(parts)"
    if scaling != "none":
        yield f'parts = _scaled(parts, "{scaling}")'
    if words:
        yield "parts = [np.concatenate(pair, axis=1) for pair in zip(parts, ones, strict=True)]"
    targets = "table.y[rows]"
    if file and not task.classes:
        yield f"y, told = in_deviations(table.y, train, {file.target!r})"
        targets = "y[rows]"
    if wanted.balance == "oversample":
        yield "again = _drawn_again(table.y[train], DATA_SEED)"
        yield "train, parts[0] = np.concatenate([train, train[again]]), np.concatenate([parts[0], parts[0][again]])"
    if wanted.noise:
        yield "normal = np.random.default_rng([DATA_SEED, 2]).standard_normal(parts[0].shape)"
        yield f"parts[0] = parts[0] + {wanted.noise} * parts[0].std(axis=0) * normal"
    yield f"x_train, x_val = ({_tensor('part', task.words, training.regime)} for part in parts)"
    yield f"y_train, y_val = ({_tensor(targets, task.classes, training.regime)} for rows in (train, val))"


def _made(source: Callable[[int], Table]) -> Iterator[str]:
    """A table that everybody has."""
    call, given = (source.func, source.keywords) if isinstance(source, partial) else (source, {})
    name = getattr(call, "__name__", "")
    if getattr(sources, name, None) is not call:
        raise ValueError("the data are not built in: a script is only made of a run on a table or on data that everybody has")
    yield f"table = {name}({', '.join(['DATA_SEED', *(f'{key}={value!r}' for key, value in given.items())])})"


def _read(file: FileTable, name: str) -> Iterator[str]:
    """A table of a user's own, read as it was understood, with what was found out about each column."""
    written = file.written
    assert written  # it is from a file
    yield f"file = Path(__file__).with_name({name!r})  # to be put beside this script"
    yield f"form = {written.form!r}"
    if len(set(written.readings)) == 1:
        yield f"readings = ({written.readings[0]!r},) * {len(written.readings)}"
    else:
        yield "readings = ("
        for column, reading in zip(written.form.names, written.readings, strict=True):
            yield f"    {reading!r},  # {cut(column)}"
        yield ")"
    yield f"written = Written({written.encoding!r}, form, readings, target={written.target})"
    yield "table = table_of(cells_of(decoded(file.read_bytes(), written.encoding), form), written)"


def _tensor(values: str, whole: int, regime: Regime) -> str:
    """Whole numbers, or others by way of float32."""
    if whole:
        return f"torch.tensor({values}, dtype=torch.int64)"
    return f"torch.tensor({values}, dtype=torch.float32)" + (".double()" if regime.dtype == "float64" else "")


def _model(model: Network, dtype: str) -> Iterator[str]:
    """The modules one below another, and every block of first parameters as it is drawn."""
    yield "# The model and its first parameters."
    yield from ("model = nn.Sequential(", *(f"    {_construction(module)}," for module in model.modules()), ")")
    yield "rng = np.random.default_rng(SEED)"
    yield "first = ["
    for block, ((kind, scale), many) in zip(model.blocks, model.draws(model.blocks), strict=True):
        yield f"    {inlined(DRAWS[kind], scale=repr(scale), many=str(many))},  # {block.name}"
    yield "]"
    yield f"row = torch.tensor(np.concatenate(first), dtype=torch.{dtype})"
    yield "nn.utils.vector_to_parameters(row, model.parameters())"


def _construction(module: nn.Module) -> str:
    """The call that makes a module; our own keep their arguments under the same names, torch's tell them."""
    kind = type(module)
    parameters = inspect.signature(kind).parameters
    if kind.__module__.partition(".")[0] != "torch":
        given = [getattr(module, name) for name in parameters]
        return f"{kind.__name__}({', '.join(_construction(v) if isinstance(v, nn.Module) else repr(v) for v in given)})"
    call = ast.parse(f"f({module.extra_repr()})", mode="eval").body
    assert isinstance(call, ast.Call)
    arguments = [ast.unparse(argument) for argument in call.args]
    for keyword in call.keywords:
        assert keyword.arg
        usual = parameters[keyword.arg].default if keyword.arg in parameters else None
        if ast.literal_eval(keyword.value) not in (usual, (usual, usual)):
            arguments.append(f"{'' if usual is inspect.Parameter.empty else f'{keyword.arg}='}{ast.unparse(keyword.value)}")
    return f"nn.{kind.__name__}({', '.join(arguments)})"


def _twin(key: str, numbers: Mapping[str, float], schedule: Schedule) -> tuple[Twin, dict[str, Any]]:
    """What equals a rule in torch.optim, and its arguments."""
    entrant = ENTRANTS[key]
    twin = entrant.rule.twin
    if twin is None:
        raise ValueError(f"{entrant.title} is not in torch.optim, so there is no script of it")
    arguments = twin.arguments(numbers)
    if _varies(schedule) and arguments != twin.arguments({**numbers, "lr": 2 * numbers["lr"]}):
        raise ValueError(f"{entrant.title} in torch.optim follows no schedule, so there is no script of this run")
    return twin, {"lr": numbers["lr"], **arguments}


def _loop(training: Training, key: str, numbers: Mapping[str, float], steps: int) -> Iterator[str]:
    """Every step as `networks.training.trainer.Trainer` makes it."""
    regime, model = training.regime, training.task.model
    twin, arguments = _twin(key, numbers, regime.schedule)
    varies, weighted, chosen = _varies(regime.schedule), regime.class_weights and model.classes, regime.augmentation
    drops = any(isinstance(module, SeededDropout) for module in model.modules())
    given = ", ".join(f"{name}={value!r}" for name, value in arguments.items())

    yield "# The training."
    yield f"optimizer = torch.optim.{twin.name}(model.parameters(), {given})"
    if varies:
        factor = f"float({regime.schedule.key}(n + 1, STEPS))"
        yield f"scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda n: {factor})"
    if weighted:
        yield "weights = torch.tensor(class_weights(y_train), dtype=x_train.dtype)"
    batches = f"batches_of(len(x_train), STEPS, BATCH_SIZE, SEED){f'[:{steps}]' if steps < regime.steps else ''}"
    yield f"for n, batch in enumerate({batches}):" if drops or chosen else f"for batch in {batches}:"
    yield "    x, y = x_train[batch], y_train[batch]"
    if chosen:
        yield "    rng = np.random.default_rng([SEED, 3, n])"
        yield f"    x = torch.from_numpy(augmented(x.numpy(), table.shape, {chosen!r}, rng))"
    if drops:
        yield "    rng = np.random.default_rng([SEED, 2, n])"
        yield "    for module in model:"
        yield "        if isinstance(module, SeededDropout):"
        yield "            module.draws = rng"
    yield "    optimizer.zero_grad()"
    if weighted:
        yield "    loss = (weights[y] * losses(model(x), y)).sum() / weights[y].sum()"
    else:
        yield "    loss = losses(model(x), y).mean()"
    yield "    loss.backward()"
    rate = "scheduler.get_last_lr()[0]" if varies else repr(numbers["lr"])
    altered = list(_altered(numbers, "" if "weight_decay" in arguments else rate))
    if altered:
        yield "    with torch.no_grad():"
        yield from (f"        {line}" for line in altered)
    yield "    optimizer.step()"
    if varies:
        yield "    scheduler.step()"


def _altered(numbers: Mapping[str, float], rate: str) -> Iterator[str]:
    """What is done to gradients, and by decoupled decay at a rate, where there is one, to parameters, before the step."""
    for name, effect in EFFECTS.items():
        if name in PER_RUN and numbers[name] != REGIME[name].off:
            if "norm" in effect.needs:
                yield "norm = torch.stack([p.grad.double().norm() for p in model.parameters()]).norm()"
            yield "for p in model.parameters():"
            yield f"    p.grad = {inlined(effect.formula, **IN_TORCH, **{name: repr(numbers[name])})}  # {symbol(name)}"
    if rate and numbers["weight_decay"] != REGIME["weight_decay"].off:
        yield "for p in model.parameters():"
        yield f"    p *= 1 - {rate} * {numbers['weight_decay']}  # decoupled decay"


def _validation(model: Network) -> Iterator[str]:
    yield "model.eval()"
    yield "with torch.no_grad():"
    yield "    outputs = model(x_val)"
    yield "    mean = losses(outputs, y_val).mean().item()"
    yield '    print(f"validation loss {mean:.9g}")'
    if model.measure.right:
        yield f"    right = {inlined(model.measure.right, y='y_val')}"
        yield '    print(f"validation accuracy {right.double().mean().item():.9g}")'


def _rounded(training: Training, run: int) -> Iterator[str]:
    """What the loss was here, and how near to it another order of the sums may come."""
    loss, (step, moved) = float(training.final("val_loss")[run]), shaken(training, run)
    yield f"    # In Ravine, which adds up in another order, it was {loss:.9g}."
    if not step:
        yield "    # How much this run makes of rounding was not measured: it is too large."
        return
    until = "" if step == training.kept[run] else f" by step {step}"
    yield f"    # Changes in the last digit of every number, at every step, move it by {moved:.1g} of itself{until}."
    if moved > CALM[training.regime.dtype]:
        yield "    # So this run amplifies rounding, and the script may end elsewhere."
