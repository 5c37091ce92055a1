"""From a visit to a scene: signs first change the lengths, anatomy is built, then they add themselves.

from hilum.phantom.compose import compose
scene, chest = compose(visit)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hilum.phantom import devices, lungs, pleura, thorax
from hilum.phantom.anatomy import build
from hilum.phantom.chest import Chest
from hilum.phantom.course import Sign, Visit
from hilum.phantom.scene import Scene
from hilum.study import Finding

Deform = Callable[[Chest, Sign], None]
Draw = Callable[[Scene, Chest, int, Sign], None]

DEFORM: Mapping[Finding, Deform] = {
    Finding.CARDIOMEGALY: thorax.deform_cardiomegaly,
    Finding.ENLARGED_CARDIOMEDIASTINUM: thorax.deform_mediastinum,
    Finding.EMPHYSEMA: thorax.deform_emphysema,
    Finding.FRACTURE: thorax.deform_fracture,
    Finding.PLEURAL_EFFUSION: pleura.deform_effusion,
    Finding.PNEUMOTHORAX: pleura.deform_pneumothorax,
    Finding.ATELECTASIS: lungs.deform_atelectasis,
    Finding.EDEMA: lungs.deform_edema,
    Finding.FIBROSIS: lungs.deform_fibrosis,
}
"""How a finding changes the chest it is in."""

DRAW: Mapping[Finding, Draw] = {
    Finding.CARDIOMEGALY: thorax.mark_cardiomegaly,
    Finding.ENLARGED_CARDIOMEDIASTINUM: thorax.mark_mediastinum,
    Finding.EMPHYSEMA: thorax.mark_emphysema,
    Finding.FRACTURE: thorax.mark_fracture,
    Finding.HIATAL_HERNIA: thorax.mark_hernia,
    Finding.PLEURAL_EFFUSION: pleura.mark_effusion,
    Finding.PNEUMOTHORAX: pleura.mark_pneumothorax,
    Finding.PLEURAL_OTHER: pleura.mark_thickening,
    Finding.CONSOLIDATION: lungs.mark_consolidation,
    Finding.PNEUMONIA: lungs.mark_pneumonia,
    Finding.LUNG_OPACITY: lungs.mark_opacity,
    Finding.ATELECTASIS: lungs.mark_atelectasis,
    Finding.EDEMA: lungs.mark_edema,
    Finding.NODULE: lungs.mark_lesion,
    Finding.MASS: lungs.mark_lesion,
    Finding.FIBROSIS: lungs.mark_fibrosis,
    Finding.ENDOTRACHEAL_TUBE: devices.mark_tracheal_tube,
    Finding.CENTRAL_LINE: devices.mark_central_line,
    Finding.CHEST_TUBE: devices.mark_chest_tube,
    Finding.PACEMAKER: devices.mark_pacemaker,
    Finding.STERNOTOMY_WIRES: devices.mark_wires,
    Finding.NASOGASTRIC_TUBE: devices.mark_gastric_tube,
}
"""How a finding shows in the chest; every drawable finding has an entry."""


def compose(visit: Visit) -> tuple[Scene, Chest]:
    """The scene of a visit, and the lengths it was built from."""
    chest = Chest.of(visit)
    for sign in visit.signs:
        if sign.finding in DEFORM:
            DEFORM[sign.finding](chest, sign)
    scene = build(chest)
    for index, sign in enumerate(visit.signs):
        DRAW[sign.finding](scene, chest, index, sign)
    return scene, chest
