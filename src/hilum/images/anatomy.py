"""What the words of a header say of the body part, in the languages that archives are kept in.

place("CHEST PA")            # Place.CHEST
place("THORACIC SPINE")      # Place.ELSEWHERE
place("N/A")                 # Place.UNSAID
place("KLAVIKULA")           # Place.UNKNOWN: a word, but none that is known here

Whole words only: WESTERN holds STERN, ROCHESTER holds CHEST.
"""

from __future__ import annotations

import re
import unicodedata
from enum import Enum


class Place(Enum):
    """What a text says of the body part."""

    CHEST = "chest"
    ELSEWHERE = "elsewhere"
    UNSAID = "unsaid"
    UNKNOWN = "unknown"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_CHEST = _words(
    "CHEST CHST CHESTPA CHESTAP CHESTLAT PACHEST APCHEST CHESTABDOMEN CHESTABDPELVIS CXR THX LUNG LUNGS "
    "PULMO "
    "TORAKS LUNGE LUNGEN LUNGOR PULMON PULMONES PULMAO PULMOES POLMONE POLMONI POUMON POUMONS PLUCA PLICE "
    "AKCIGER "
    "RIB RIBS RIBCAGE RIPPE RIPPEN COSTILLAS COTES COSTE COSTELAS STERNUM MEDIASTINUM MEDIASTIN MEDIASTINO "
    "PECHO PEITO PETTO POITRINE BRUST BRUSTKORB BORST BORSTKAS BROSTKORG BRYST HRUDNIK GOGUS"
)
_CHEST_STEM = re.compile(
    r"\w*(THORAX|TORAX|TORACE|THORACIS)\b|HEMITHORA\w+|THORAX\w+|TORAX\w+|KLATKA PIERSIOWA"
)
"""Latin's and Greek's own noun, in whatever compound (RXTHORAX, THORAXAUFNAHME)."""

_OF_THE_CHEST = re.compile(
    r"\b(THORACIC|THORACAL|THORACIQUE|THORAKAL\w*|TORACIC[OAH]?|TORACAL\w*|PULMONARY|PULMONAR|PULMONAL\w*|"
    r"CARDIAC|HEART|HERZ|COEUR|CORAZON|STERNAL|COSTAL|MEDIASTINAL)\b"
)
"""Adjectives, and organs that clinics are named after: any word for a part elsewhere outweighs them."""

_ELSEWHERE = re.compile(
    r"\b(HIPS?|PELVI[SC]|PELVIMETRY|KNEES?|PATELLA|FEMURS?|FEMORAL|THIGHS?|"
    r"TIBIA|FIBULA|ANKLES?|FOOT|FEET|TOES?|HEEL|"
    r"CALCANEUS|CALCANEUM|HANDS?|"
    r"FINGERS?|THUMBS?|WRISTS?|SCAPHOID|FOREARMS?|ELBOWS?|HUMERUS|SHOULDERS?|CLAVICLES?|"
    r"SCAPULA|HEAD|SKULL|CRANIUM|FACIAL|ORBITS?|NASAL|SINUS(?:ES)?|MANDIBLE|JAW|TEETH|TOOTH|DENTAL|BRAIN|NECK|"
    r"ABDOMENS?|ABDOMINAL|ABD|KUB|BREASTS?|MAMM\w+|\w*SPINES?|SPINAL|VERTEBRA\w*|LUMB\w+|CERVICAL|SACR\w+|COCCYX|"
    r"THORACO ?LUMB\w+|DORSO ?LUMB\w+|SCOLIOSIS|LEGS?|ARMS?|EXTREMIT(?:Y|IES)|UTERUS|OESOPHAGUS|ESOPHAGUS|"
    r"[BLHC]WS|\w*WIRBEL\w*|RACHIS|RACHIDE|RAQUIS|COLOANA|SPN|(?:THORACIC|DORSAL) VERT|"
    r"\w*COLUMNA|COLONNE|COLONNA|COLUNA|WERVEL\w*|KREGOSLUP|OMURGA|"
    r"KNIE|GENOUX?|KNAE|RODILLAS?|GINOCCHI[OA]|JOELHOS?|HUFTE|HUEFTE|HOFTE|HEUP|HANCHES?|CADERAS?|ANCA|ANCHE|QUADRIL|BECKEN|"
    r"BASSIN|BACINO|BACIA|FUSS|VOET|PIEDS?|PIEDE|MANOS?|MANO|MAOS?|HANDGELENK|POLS|MUNECAS?|POIGNETS?|SCHULTER|"
    r"SCHOUDER|EPAULES?|HOMBROS?|SPALLA|OMBROS?|SCHADEL|SCHAEDEL|SCHEDEL|CRANEO|CRANE|CRANIO|BUIK|BAUCH|VIENTRE|"
    r"ELLENBOGEN|ELLEBOOG|COUDES?|CODOS?|GOMITO|COTOVELO|ENKEL|CHEVILLES?|TOBILLOS?|CAVIGLIA|TORNOZELO|"
    r"SPRUNGGELENK|OBERSCHENKEL|UNTERSCHENKEL|OBERARM|UNTERARM|HWS)\b"
)
_LONE_LETTER_SPINE = re.compile(r"\b[CTLD] ?-? ?SPINE\b|\b[CTLD] ?/ ?[TLS] ?-? ?SPINE\b")

_EAST = re.compile("胸(?![椎腰])|肺|흉부|가슴|ГРУДН[ОА][ЙЕЯ]+ (?!ОТДЕЛ|ПОЗВОН)|ЛЕГКИ|ОГК")
_GREEK = re.compile(r"ΘΩΡΑΚ(?!ΙΚ\w* (?:ΜΟΙΡ|ΣΠΟΝΔ))")
"""Without its accent."""
_EAST_ELSEWHERE = re.compile(
    "椎|膝|骨盤|骨盆|腹|股関節|髋|肩|頭|颅|척추|무릎|골반|복부|어깨|ПОЗВОН|КОЛЕН|ТАЗОБЕДР|ЧЕРЕП"
)
_UNBROKEN = str.maketrans({"Ł": "L", "Ø": "O"})
"""Letters whose stroke is no accent to Unicode."""

_SAYS_NOTHING = _words(
    "UNKNOWN UNK UNDEFINED UNSPECIFIED UNSPEC UNASSIGNED UNSET UNAVAILABLE NOT SPECIFIED DEFINED "
    "SET GIVEN STATED "
    "ASSIGNED APPLICABLE AVAILABLE NONE NIL NULL NAN NA NO NULO NUL VOID EMPTY BLANK MISSING "
    "DEFAULT STANDARD "
    "ROUTINE GENERAL GENERIC COMMON NORMAL OTHER OTHERS OT MISC MISCELLANEOUS ANY ALL TBD TBA TEST VARIOUS "
    "TRUNK TORSO TRONC TRONCO RUMPF BODY WHOLE WHOLEBODY CORPS KORPER CUERPO PART BODYPART "
    "EXAMINED REGION AREA "
    "UNBEKANNT INCONNU DESCONOCIDO SCONOSCIUTO ONBEKEND SONSTIGE AUTRE OTRO ANDERE ALTRO "
    "ANONYMIZED ANONYMISED ANONYMOUS ANONYM ANON PATIENT PATIENTID ID REMOVED REDACTED DEIDENTIFIED "
    "PA AP LL RL LAT LATERAL FRONTAL VIEW VIEWS PORTABLE PORT BEDSIDE MOBILE ERECT SUPINE UPRIGHT SITTING "
    "STANDING "
    "LEFT RIGHT BOTH ADULT CHILD PEDIATRIC PAEDIATRIC BABY XR XRAY RAY RX "
    "CR DX DR DIGITAL RADIOGRAPH RADIOGRAPHY"
)


def place(text: str) -> Place:
    """What a text says of the body part.

    Args:
        text: in capitals.
    """
    plain = _plain(text)
    # Where letters end a word ends, too: CHEST2VIEWS.
    words = re.findall(r"[^\W\d_]+", plain)
    if (
        not _CHEST.isdisjoint(words)
        or _CHEST_STEM.search(plain)
        or _EAST.search(unicodedata.normalize("NFC", text))
        or _GREEK.search(plain)
    ):
        return Place.CHEST
    if elsewhere(text):
        return Place.ELSEWHERE
    if _OF_THE_CHEST.search(plain):
        return Place.CHEST
    return (
        Place.UNSAID
        if all(len(w) == 1 or w in _SAYS_NOTHING or set(w) == {"X"} for w in words)
        else Place.UNKNOWN
    )


def elsewhere(text: str) -> str:
    """The word by which a text names a part other than the chest; empty when it does not."""
    plain = _plain(text)
    found = _LONE_LETTER_SPINE.search(plain) or _ELSEWHERE.search(plain)
    found = found or _EAST_ELSEWHERE.search(unicodedata.normalize("NFC", text))
    return found.group() if found else ""


def _plain(text: str) -> str:
    """Without accents and punctuation."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_UNBROKEN))
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    return " ".join(re.sub(r"[^\w/-]|_", " ", bare).split())
