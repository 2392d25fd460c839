"""Gain and offset of a board's model: asked for, set and taken back over the wire.

    held(link) -> Calibration        what the board has in its EEPROM
    twin(link, model)                the model as the board now computes it

The board's side is in firmware/include/tinygen_calibration.h. It proves the range before it stores
anything, and what it answers is what it then reads from its EEPROM.
"""

from __future__ import annotations

from contextlib import suppress
from typing import overload

from ..common.errors import LinkError, ModelError
from ..model.model import Model
from ..model.operations.scale import Calibrate
from ..model.outputs import calibrated
from ..model.signals.any_model import AnyModel
from .link import Link
from .protocol import Calibration, Code, Refusal, Trait
from .samples import CalibrationCommand, CalibrationState, calibrate

ANSWER_SECONDS = 1.0  # of one try; storing takes 50 ms
TRIES = 4


def held(link: Link) -> Calibration:
    """What the board holds; LinkError where its firmware was built without recalibration."""
    return _ask(link, CalibrationCommand.TELL)


def set_to(link: Link, gain: int, offset: int) -> Calibration:
    """Stores gain and offset, see `Calibrate`; LinkError where the board then has others."""
    found = _ask(link, CalibrationCommand.SET, gain, offset)
    if found.state != CalibrationState.IN_FORCE or (found.gain, found.offset) != (gain, offset):
        raise LinkError(
            f"the board at {link.name} reads gain {found.gain} and offset {found.offset} from its "
            f"EEPROM, not {gain} and {offset}: it may be worn out, use another board"
        )
    return found


def undo(link: Link) -> Calibration:
    """Clears what the board holds, of whatever model; LinkError where it cannot."""
    found = _ask(link, CalibrationCommand.UNDO)
    if found.state != CalibrationState.NONE:
        raise LinkError(
            f"the board at {link.name} still holds a recalibration: its EEPROM may be worn out, "
            "use another board"
        )
    return found


@overload
def twin(link: Link, model: Model) -> Model: ...
@overload
def twin(link: Link, model: AnyModel) -> AnyModel: ...
def twin(link: Link, model: AnyModel) -> AnyModel:
    """The model as the board computes it: itself, or with the gain and offset in force there;
    LinkError where these cannot be.
    """
    if Trait.CALIBRATED not in link.info.traits or not isinstance(model, Model):
        return model
    found = held(link)
    if found.state == CalibrationState.IN_FORCE and found.model_id == model.model_id:
        with suppress(ModelError):  # of a gain or an offset that no board may store
            return calibrated(model, found.gain, found.offset, live=True)
    raise LinkError(
        f"the board at {link.name} says that it is recalibrated, and then tells state "
        f"{found.state.name}, gain {found.gain}, offset {found.offset}: clear it with `tinygen "
        "recalibrate MODEL.json --undo --port PORT`"
    )


def _ask(
    link: Link, command: CalibrationCommand, gain: int = Calibrate.unit, offset: int = 0
) -> Calibration:
    """The board's answer; the same question again has the same answer, and stores nothing twice."""
    for seq in range(1, TRIES + 1):
        asked = command, gain, offset, link.model.model_id
        link.send(calibrate(link.session, seq, link.version, *asked))
        for reply in link.receive_for(ANSWER_SECONDS, (Calibration, Refusal)):
            if isinstance(reply, Calibration):
                if command != CalibrationCommand.TELL:
                    link.hello()  # its traits have changed
                return reply
            if isinstance(reply, Refusal) and reply.code == Code.BAD_TYPE:
                raise LinkError(
                    f"the firmware of the board at {link.name} takes no recalibration: build and "
                    "load it with `tinygen build --recalibrate`"
                )
            if isinstance(reply, Refusal) and reply.code == Code.BAD_CALIBRATION:
                raise LinkError(
                    f"the board at {link.name} refuses gain {gain} and offset {offset}: out of "
                    "the range that was proven for its model"
                )
            if isinstance(reply, Refusal) and reply.code == Code.WRONG_SESSION:
                link.hello()
    raise LinkError(
        f"the board at {link.name} gave no CALIBRATION within {TRIES * ANSWER_SECONDS:g} s: "
        "reset it and try again"
    )


def note_of(link: Link) -> tuple[str, ...]:
    """What must be told of the board's recalibration; nothing where it has none."""
    if Trait.CALIBRATED in link.info.traits:
        return ("the board is recalibrated: it has to answer as the model does with that",)
    if Trait.FOREIGN in link.info.traits:
        return ("the board holds a recalibration that is not for this model, and ignores it",)
    return ()
