"""Diagnoses, medication, insurance and patient numbers: always a word and a value."""

from __future__ import annotations

import re
from collections.abc import Callable

from sealgate.detect.anchor import LIKELY, POSSIBLE, Anchor, Found, kinds
from sealgate.detect.catalogue import Kind

# ICD-10: a letter (U is for special use), two characters, and up to four behind a point.
ICD10 = re.compile(
    rb"(?<![0-9A-Za-z])[A-TV-Z][0-9][0-9AB](?:\.[0-9A-Z]{1,4})?(?![0-9A-Za-z]|\.[0-9])"
)
_CONDITIONS = re.compile(
    rb"(?<![a-z])(?:diabet|asthma|cancer|krebs|c\xc3\xa1ncer|carcino|karzinom|tumou?r|leuk|lymphom|melanom|metasta|hiv\b|aids\b|hepatitis|tubercul"
    rb"|depress|bipolar|schizo|anxiety|autis|adhd|dementia|demenz|alzheimer|parkinson|epilep|stroke|ictus|infarct|infarkt|angina|hypertens|hypoten"
    rb"|arthrit|arthros|osteopor|copd|pneumon|bronchit|migr|anemia|an\xc3\xa4mie|anaemia|psoria|eczema|lupus|sclerosis|sklerose|fibros|cirrho|nephr"
    rb"|colitis|crohn|celiac|thyroid|obes|adipos|pregnan|schwanger|embaraz|syphilis|gonorr|chlamyd|endometri|neopl|sepsis|covid|influenza|fractur|h\xc3\xa9rnia|hernia)",
    re.IGNORECASE,
)  # fmt: skip
_WORD_END = re.compile(rb"[A-Za-z\x80-\xff]*")
_NEAR = 80
_CLOSE = 24  # a code without its point is short and common


def diagnosis(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm an ICD-10 code or a common condition close behind a diagnosis word."""
    del low
    near = min(high, end + _NEAR)
    code = ICD10.search(text, end, near)
    if code is not None:
        dotted = b"." in code.group()
        if not dotted and (
            code.start() - end > _CLOSE or text[code.start() - 1 : code.start()] == b"#"
        ):
            return None
        return code.start(), code.end(), Kind.DIAGNOSIS, LIKELY if dotted else POSSIBLE
    condition = _CONDITIONS.search(text, end, near)
    if condition is None:
        return None
    tail = _WORD_END.match(text, condition.end(), high)
    return condition.start(), tail.end() if tail else condition.end(), Kind.DIAGNOSIS, POSSIBLE


# International non-proprietary names (WHO INN) in wide use, by their stems.
_SUBSTANCE = re.compile(
    rb"(?<![a-z])(?:metformin|insulin|atorvastatin|simvastatin|rosuvastatin|pravastatin|lisinopril|ramipril|enalapril|losartan|valsartan|candesartan"
    rb"|amlodipin|bisoprolol|metoprolol|atenolol|propranolol|furosemid|hydrochlorothiazid|spironolacton|levothyroxin|omeprazol|pantoprazol|esomeprazol"
    rb"|amoxicillin|azithromycin|ciprofloxacin|doxycyclin|cefuroxim|clindamycin|prednison|prednisolon|dexamethason|hydrocortison|salbutamol|albuterol"
    rb"|budesonid|fluticason|montelukast|ibuprofen|paracetamol|acetaminophen|aspirin|diclofenac|naproxen|tramadol|morphin|oxycodon|fentanyl|codein"
    rb"|gabapentin|pregabalin|sertralin|fluoxetin|citalopram|escitalopram|venlafaxin|duloxetin|mirtazapin|quetiapin|olanzapin|risperidon|aripiprazol"
    rb"|haloperidol|lithium|lamotrigin|levetiracetam|valproat|carbamazepin|diazepam|lorazepam|alprazolam|zolpidem|methylphenidat|warfarin|apixaban"
    rb"|rivaroxaban|clopidogrel|heparin|enoxaparin|methotrexat|tamoxifen|cisplatin|paclitaxel|imatinib|adalimumab|rituximab|tenofovir|lamivudin"
    rb"|efavirenz|dolutegravir|zidovudin|buprenorphin|methadon|naltrexon|sildenafil|finasterid|tamsulosin|alendron|allopurinol|colchicin|digoxin|amiodaron)[a-z]{0,4}",
    re.IGNORECASE,
)  # fmt: skip


def medication(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm a substance right before a dose; the anchor ends behind the dose's unit."""
    if text[end : end + 1].isalnum() or text[end : end + 2] == b"/d":  # mg/dl is a laboratory value
        return None
    found = None
    for found in _SUBSTANCE.finditer(text, max(low, end - 56), end):  # noqa: B007 - the nearest one counts
        pass
    del high
    return None if found is None else (found.start(), end, Kind.MEDICATION, LIKELY)


_NUMBER = re.compile(
    rb"[\"']?(?:(?:[ _.#-]{0,2}(?:number|num|no|nr|nummer|id|code|n\xc2\xb0|n\xc2\xba|policy|card)){1,3}[\"']?[^0-9A-Za-z\n]{0,4}|[ ]?[:=#][^0-9A-Za-z\n]{0,3}|[ ])(?:(?:is|was)[ ])?[#'\"]?"
    rb"([0-9]{2,}(?:[ -][0-9]{2,10}){2,3}|(?=[A-Z-]{0,8}[0-9]{3})[A-Z0-9](?:-?[A-Z0-9]){3,15})(?![0-9A-Za-z])",
    re.IGNORECASE,
)  # fmt: skip


def _numbered(kind: Kind) -> Callable[[bytes, int, int, int], Found | None]:
    def confirm(text: bytes, end: int, low: int, high: int) -> Found | None:
        """Confirm a number with at least three digits in a row right after the word."""
        del low
        found = _NUMBER.match(text, end, high)
        if found is None:
            return None
        return found.start(1), found.end(1), kind, LIKELY

    return confirm


ANCHORS = (
    Anchor(
        "diagnosis-word",
        "icd-?10(?:-(?:cm|gm))?|diagnos(?:is|es|e|ed|tic|tico|ticado|tiqu)|diagn\xc3\xb3stic|[^a-z]dx[ :]",
        kinds(Kind.DIAGNOSIS),
        diagnosis,
        before=24,
        after=96,
        caseless=True,
    ),
    Anchor(
        "dose",
        "[0-9] ?(?:mg|mcg|\xc2\xb5g|ug)",
        kinds(Kind.MEDICATION),
        medication,
        before=64,
        after=8,
        caseless=True,
    ),
    Anchor(
        "insurance-word",
        "(?:insurance|[^a-z]policy|[^a-z]member|subscriber|medicare|medicaid|versicherten|versicherung|versicherungs|krankenkasse|krankenversicherten|kvnr|seguro|p\xc3\xb3liza|tarjeta sanitaria|assurance|tessera sanitaria|[^a-z]nass|[^a-z]cipa)",
        kinds(Kind.INSURANCE_NUMBER),
        _numbered(Kind.INSURANCE_NUMBER),
        before=24,
        after=48,
        caseless=True,
    ),
    Anchor(
        "patient-word",
        "(?:patient(?:en)?|paciente|[^a-z]mrn|medical record|health record|[^a-z]nhc|historia cl\xc3\xadnica|dossier|episodio|medical file)",
        kinds(Kind.PATIENT_NUMBER),
        _numbered(Kind.PATIENT_NUMBER),
        before=24,
        after=48,
        caseless=True,
    ),
)
