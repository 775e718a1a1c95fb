"""What a run file holds, as one plain object (``nnpost info --json``) and as a table."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ..common.tables import plain_label
from ..comparison.held_out import HeldOut
from ..comparison.leave_one_out import LeaveOneOut
from ..comparison.result import Comparison
from ..comparison.scorecard import ScoreCard
from ..data.dataset import Dataset
from ..diagnostics.fit import FitVerdict
from ..diagnostics.verdict import Verdict
from ..network.layout import Layout
from ..posterior.description import Description
from ..sampling.about import read_about
from ..sampling.provenance import Sampled
from ..storage.read_chain import chain_size
from ..storage.results import read_stage
from ..tempering.result import Tempering
from ..training.fits import Fits
from ..training.optimum import Optimum
from .networks import networks

__all__ = ["json_ready", "overview", "summarise", "table"]


def summarise(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Everything that a run file says about its run: :func:`overview`, and the score card.

    ``scorecard`` has every number as {value, error}, and is None before the comparison.

    Raises:
        RequestError: the file is missing, damaged, or not a run file.
    """
    card = read_stage(path, ScoreCard)
    return overview(path) | {"scorecard": None if card is None else json_ready(card.as_dict())}


def overview(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a run file says about its run in few numbers; stages that have not run are None.

    The chain itself is not read, so that this is quick whatever its length. ``chain.steps`` are
    those on the disk, also of a run that was interrupted. ``theta`` of sgd, map, mle and
    best_sample are in one copy of the network, that of ``posterior.theta``; ``theta_found`` is the
    vector as it was found, which the log posterior beside it belongs to. ``mse`` is what
    ``data.misfit`` says, χ²/n where the data bring errors, and None where the likelihood is not
    Gaussian; ``loss`` is what training minimised, as ``loss_name`` says. theta, log posterior,
    ``evidence.log_z`` and a loss that is not mse are on the network's scale, which ``data.scale``
    says (None: the units of the file); mse, predictions and ``evidence.log_z_file`` are in units of
    the file.
    Numbers that are not finite are None.

    Raises:
        RequestError: the file is missing, damaged, or not a run file.
    """
    tree, data = read_about(path)
    post = Description.from_tree(tree)
    fits = read_stage(path, Fits)
    comparison = read_stage(path, Comparison)
    verdict = read_stage(path, Verdict)
    left_out, held_out = read_stage(path, LeaveOneOut), read_stage(path, HeldOut)
    return json_ready(
        {
            "parameters": len(post.labels),
            "labels": [plain_label(label) for label in post.labels],
            "data": {
                "n": data.n,
                "inputs": data.inputs,
                "name": data.name,
                "misfit": data.misfit,
                "scale": None if data.scaling.is_none else data.scaling.to_tree(),
                "scale_in_words": data.scale_in_words,
                "remarks": data.remarks,
            },
            "network": {
                "sizes": post.sizes,
                "activation": post.net.activation,
                "bias": post.net.bias,
                "skip": post.net.skip,
                "words": post.words,
            },
            "chain": chain(path),
            "convergence": None if verdict is None else verdict.to_tree(),
            "fit": None if (fit := read_stage(path, FitVerdict)) is None else fit.as_dict(),
            "evidence": evidence(read_stage(path, Tempering), verdict, file_evidence(tree, data)),
            **models(fits, comparison, post.net),
            "posterior": None if comparison is None else posterior_part(comparison),
            "predictions": None if comparison is None else predictions(comparison),
            "leave_one_out": None if left_out is None else left_out.as_dict(),
            "held_out": None if held_out is None else held_out.as_dict(),
        }
    )


def chain(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """The size and course of the chain."""
    made, size = read_stage(path, Sampled), chain_size(path)
    if made is None or size is None:
        return None
    return {
        "steps": size.iteration * size.every * made.thin,
        "walkers": size.walkers,
        "ensembles": made.ensembles,
        "discard": made.discard,
        "moves": made.moves,
        "seconds": made.seconds,
        "acceptance": float(size.accepted.mean()) / size.iteration,
    }


def file_evidence(tree: Mapping[str, Any], data: Dataset) -> Callable[[float], float]:
    """What turns log Z into that of y in units of the file: itself for exp(−MSE), which is no
    density of y."""
    if tree.get("sigma") == "mse":
        return lambda log_z: log_z
    return data.log_evidence_to_file


def evidence(
    tempering: Tempering | None, verdict: Verdict | None, to_file: Callable[[float], float]
) -> dict[str, Any] | None:
    """log Z with its standard error, what every ensemble found, and whether it is trusted; None
    where nobody has judged it apart from the chain."""
    if tempering is None:
        return None
    return {
        "log_z": tempering.log_evidence,
        "log_z_file": to_file(tempering.log_evidence),
        "error": tempering.error,
        "per_ensemble": tempering.log_z,
        "trusted": None if verdict is None else verdict.evidence_trusted,
    }


def models(fits: Fits | None, comparison: Comparison | None, net: Layout) -> dict[str, Any]:
    """SGD, MAP, MLE and best sample; before the comparison, as training left them."""
    found: dict[str, Any] = dict.fromkeys(("sgd", "map", "mle", "best_sample"))
    found |= {n: point(o, copy) for n, (o, copy) in networks(fits, comparison, net).items()}
    if fits is not None and found["sgd"] is not None:
        level = None if comparison is None else comparison.hpd_level
        quantiles = {} if comparison is None else comparison.mse_quantiles
        more = {"restarts": len(fits.mse), "hpd_level": level, "loss_quantiles": quantiles}
        more |= {"mse_quantiles": quantiles if fits.sgd.squares else {}}
        found["sgd"] = {**more, **found["sgd"]}
    return found


def point(optimum: Optimum, copy: np.ndarray) -> dict[str, Any]:
    return {
        "mse": optimum.mse if optimum.squares else None,
        "loss": optimum.mse,
        "loss_name": optimum.misfit,
        "log_posterior": optimum.log_prob,
        "log_likelihood": optimum.log_likelihood,
        "gradient_norm": optimum.gradient_norm,
        "converged": optimum.converged,
        "theta": copy,
        "theta_found": optimum.theta,
    }


def posterior_part(comparison: Comparison) -> dict[str, Any]:
    names = ("log_posterior", "log_likelihood", "theta")
    return {name: vars(getattr(comparison, name)) for name in names}


def predictions(comparison: Comparison) -> dict[str, Any]:
    """Posterior predictions at ``x``: a list of numbers for one input, of rows for several."""
    x = comparison.predictions.x
    return {**vars(comparison.predictions), "x": x[:, 0] if x.shape[1] == 1 else x}


def json_ready(value: Any) -> Any:
    """Only what JSON can hold: numbers that are not finite become None."""
    if isinstance(value, Mapping):
        return {key: json_ready(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_ready(one) for one in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return json_ready(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def table(found: Mapping[str, Any]) -> str:
    """The same for people to read, without the vectors."""
    rows = [row for part in PARTS for row in part(found)]
    wide = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{wide}}  {value}".rstrip() for name, value in rows)


Pairs = Iterator[tuple[str, str]]


def what_rows(found: Mapping[str, Any]) -> Pairs:
    data, network = found["data"], found["network"]
    plural = "s" if data["inputs"] > 1 else ""
    yield "data", f"{data['name']}: {data['n']:,} points, {data['inputs']} input{plural}"
    for remark in data["remarks"]:
        yield "", f"- {remark}"
    if data["scale_in_words"]:
        yield "  seen as", data["scale_in_words"]
    yield "network", f"{network['words']}, {found['parameters']} parameters"


def chain_rows(found: Mapping[str, Any]) -> Pairs:
    kept = found["chain"]
    if kept is None:
        yield "chain", "none yet"
        return
    size = f"{kept['steps']:,} steps of {kept['walkers']} walkers in {kept['ensembles']} ensembles"
    yield "chain", f"{size}, {kept['discard']:,} steps discarded"
    yield "moves", f"{kept['moves']}, {number(kept['acceptance'], '.0%')} accepted"


def verdict_rows(found: Mapping[str, Any]) -> Pairs:
    verdict = found["convergence"]
    if verdict is None:
        yield "verdict", "none yet"
        return
    yield "verdict", "converged" if verdict["converged"] else "not converged"
    for text in (*verdict["reasons"], *verdict["notes"]):
        yield "", f"- {text}"
    for name, rhat in verdict["rhat"].items():
        ess = number(verdict["ess"][name], ",.0f")
        yield f"  {name}", f"R-hat {number(rhat, '.4f')}, {ess} effective draws"
    yield "  tau", f"{number(verdict['tau'], ',.1f')} steps"


def fit_rows(found: Mapping[str, Any]) -> Pairs:
    kept = found["fit"]
    if kept is None:
        return
    yield "model", kept["word"]
    for check in kept["checks"].values():
        if check["fired"]:
            yield "", f"- {check['text']}"


def evidence_rows(found: Mapping[str, Any]) -> Pairs:
    kept = found["evidence"]
    if kept is None:
        return
    doubt = ", not trusted" * (kept["trusted"] is False)
    value = f"{number(kept['log_z'], '.3f')} ± {number(kept['error'], '.3f')}"
    yield "log evidence", f"{value}{doubt}"
    if kept["log_z_file"] != kept["log_z"]:
        yield "", f"of data as seen; {number(kept['log_z_file'], '.3f')} of y in units of the file"
    if found["convergence"] is not None:
        for text in found["convergence"]["evidence_reasons"]:
            yield "", f"- {text}"


def model_rows(found: Mapping[str, Any]) -> Pairs:
    for name in ("sgd", "map", "mle", "best_sample"):
        if (kept := found[name]) is not None:
            loss, log_posterior = number(kept["loss"], ".4g"), number(kept["log_posterior"], ".3f")
            vague = name in ("map", "mle") and not kept["converged"]
            yield (
                name.replace("_", " "),
                f"{kept['loss_name']} {loss}, log posterior {log_posterior}"
                + ", not an isolated maximum" * vague,
            )
    if found["sgd"] is not None and found["sgd"]["hpd_level"] is not None:
        yield "", f"{found['sgd']['hpd_level']:.1%} of the posterior draws lie above SGD"
    if found["posterior"] is not None:
        kept = found["posterior"]["log_posterior"]
        yield (
            "posterior",
            f"log posterior {number(kept['mean'], '.3f')} ± {number(kept['sd'], '.3f')}",
        )


def left_out_rows(found: Mapping[str, Any]) -> Pairs:
    kept = found["leave_one_out"]
    if kept is not None:
        value, error = (number(kept["loo"][name], ".2f") for name in ("value", "error"))
        yield "PSIS-LOO", f"elpd {value} ± {error}" + ", not reliable" * (not kept["trusted"])


def held_out_rows(found: Mapping[str, Any]) -> Pairs:
    kept = found["held_out"]
    if kept is None:
        return
    yield "held out", f"{kept['points']:,} points"
    for score in kept["scores"]:
        rmse, lppd = (score["numbers"][name] for name in ("rmse", "lppd"))
        yield (
            f"  {score['name']}",
            f"RMSE {number(rmse['value'], '.4g')}, LPPD {number(lppd['value'], '.3f')} "
            f"± {number(lppd['error'], '.3f')}",
        )


PARTS = (
    what_rows,
    chain_rows,
    verdict_rows,
    fit_rows,
    evidence_rows,
    model_rows,
    left_out_rows,
    held_out_rows,
)


def number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
