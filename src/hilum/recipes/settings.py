"""Fields of a recipe set by name, as the command line does it.

recipe = with_settings(nano(), ["instruct.steps=100", "model.width=256"])
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, TypeVar

from hilum.errors import UsageError, did_you_mean
from hilum.recipes.config import Recipe
from hilum.training import Lora

T = TypeVar("T")

_PARTS = {
    "encoder": "encoder_fit",
    "codes": "tokenizer",
    "tokenizer": "tokenizer_stage",
    "decoder": "decoder_stage",
}
"""Stage → the recipe's field, where they are named differently."""
_OPTIONAL = {"lora": Lora()}
"""Groups of fields that a recipe may leave out, as they are when the first of their fields is set."""


def with_settings(recipe: Recipe, settings: Iterable[str]) -> Recipe:
    """A recipe with several fields changed, each `stage.field=value` or `field=value`.

    They are checked when all are set: of two that only go together, either may come first.

    Raises:
        UsageError: a field does not exist (the nearest name is offered), or a value does not fit it.
    """
    settings = list(settings)
    changed = _unchecked(recipe, settings)
    try:
        return _checked(changed)
    except UsageError as error:  # a part's own check does not know where it stands
        blamed = " ".join(_blamed(recipe, settings)) or error.thing
        raise UsageError(blamed, f"{error.thing} {error.problem}", error.remedy) from None


def _blamed(recipe: Recipe, settings: Sequence[str]) -> Sequence[str]:
    """The settings without any one of which the others would do; all of them where there is none."""
    found = []
    for number, setting in enumerate(settings):
        try:
            _checked(_unchecked(recipe, [*settings[:number], *settings[number + 1 :]]))
        except UsageError:
            continue
        found.append(setting)
    return found or settings


def _unchecked(recipe: Recipe, settings: Sequence[str]) -> Recipe:
    """The settings one after another, and what follows from the size of the images."""
    changed = _set_all(recipe, settings)
    if changed.image_size == recipe.image_size:
        return changed
    # What reads the run's images has their size; a pretrained encoder has its own.
    follow: dict[str, Any] = {}
    if changed.vision is None or changed.trains_encoder:
        follow["model"] = _put(recipe.model, image_size=changed.image_size)
    if changed.model.needs_codes:
        follow["tokenizer"] = _put(recipe.tokenizer, image_size=changed.image_size)
    return _set_all(_put(recipe, **follow), settings)


def _set_all(recipe: Recipe, settings: Sequence[str]) -> Recipe:
    for setting in settings:
        path, sign, value = setting.partition("=")
        if not sign:
            raise UsageError(setting, "sets nothing", "write stage.field=value")
        recipe = _with(recipe, path.split("."), value, setting)
    return recipe


def _put(holder: T, **changes: Any) -> T:
    """What `dataclasses.replace` gives, without the checks."""
    made = copy.copy(holder)
    for name, value in changes.items():
        object.__setattr__(made, name, value)
    return made


def _checked(part: T) -> T:
    """The same made anew from its innermost dataclasses on, so that each checks itself."""
    whole: Any = part
    if isinstance(whole, tuple):
        whole = tuple(map(_checked, whole))
    elif is_dataclass(whole) and not isinstance(whole, type):
        parts = {field.name: _checked(getattr(whole, field.name)) for field in fields(whole)}
        whole = replace(whole, **parts)
    made: T = whole
    return made


def _with(recipe: Recipe, names: list[str], value: str, setting: str) -> Recipe:
    stages = {stage.name: i for i, stage in enumerate(recipe.stages)}
    if names[0] in stages and len(names) > 1:
        number = stages[names[0]]
        stage = _changed(recipe.stages[number], names[1:], value, setting, ("fit",))
        return _put(recipe, stages=(*recipe.stages[:number], stage, *recipe.stages[number + 1 :]))
    known = [*stages, *_PARTS]
    changed: Recipe = _changed(
        recipe, [_PARTS.get(names[0], names[0]), *names[1:]], value, setting, (), known
    )
    return changed


def _changed(
    holder: Any,
    names: list[str],
    value: str,
    setting: str,
    inner: tuple[str, ...],
    also: Iterable[str] = (),
) -> Any:
    """A dataclass with the field that `names` lead to changed; `inner` fields are looked into unasked."""
    own = {field.name for field in fields(holder)}
    name = names[0]
    for inside in inner:
        nested = getattr(holder, inside)
        if name not in own and name in {field.name for field in fields(nested)}:
            return _put(holder, **{inside: _changed(nested, names, value, setting, ())})
    if name not in own:
        options = sorted({*own, *also, *(f.name for i in inner for f in fields(getattr(holder, i)))})
        remedy = f"{did_you_mean(name, options)}choose from {', '.join(options)}"
        raise UsageError(setting, f"names no field: {name}", remedy)
    now = getattr(holder, name)
    if len(names) > 1:
        now = _OPTIONAL.get(name) if now is None else now
        if is_dataclass(now) and not isinstance(now, type):
            return _put(
                holder,
                **{name: _changed(now, names[1:], value, setting, ("fit",) if hasattr(now, "fit") else ())},
            )
        if isinstance(now, Mapping):
            return _put(holder, **{name: {**now, ".".join(names[1:]): _number(value, setting)}})
        raise UsageError(setting, f"looks into {name}, which is a single value", f"write {name}=value")
    if name in _OPTIONAL:
        now = None if value.lower() == "none" else _OPTIONAL[name]
    return _put(holder, **{name: _parsed(value, now, setting)})


def _parsed(value: str, now: Any, setting: str) -> Any:
    """A value of the kind that the field has now."""
    if isinstance(now, Enum):
        try:
            return type(now)(value)
        except ValueError:
            options = ", ".join(str(member.value) for member in type(now))
            raise UsageError(
                setting, f"{value!r} is not one of its values", f"choose from {options}"
            ) from None
    if isinstance(now, bool):
        if value.lower() not in ("true", "false"):
            raise UsageError(setting, f"{value!r} is neither true nor false", "write true or false")
        return value.lower() == "true"
    if isinstance(now, int):
        try:
            return int(value)
        except ValueError:
            raise UsageError(setting, f"{value!r} is no whole number", "give a whole number") from None
    if isinstance(now, float):
        return _number(value, setting)
    if isinstance(now, tuple):
        try:
            return tuple(json.loads(value))
        except (ValueError, TypeError):
            raise UsageError(setting, f"{value!r} is no list", 'write a JSON list: ["a", "b"]') from None
    if isinstance(now, Mapping) and value.lower() == "none":
        return {}
    if is_dataclass(now) or isinstance(now, Mapping):
        raise UsageError(setting, "sets a whole group of fields", "name one of its fields after a dot")
    return None if value.lower() == "none" else value


def _number(value: str, setting: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise UsageError(setting, f"{value!r} is no number", "give a number") from None
