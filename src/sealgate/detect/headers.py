"""
What a column's name says: the words of seven languages, and the kind each speaks for.

A name is split at case, digits and punctuation, loses accents, and is joined again as
``_first_name_``; the patterns below are searched in that. Order matters: the first rule
whose values agree decides.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from sealgate.detect.catalogue import Kind, Where, check_said

if TYPE_CHECKING:
    from collections.abc import Sequence

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"[a-z]+|[0-9]+")


class Says(IntEnum):
    """How much a header says: ``WEAK`` needs values that speak for themselves."""

    WEAK = 1
    FAIR = 2
    STRONG = 3


@dataclass(frozen=True, slots=True)
class HeaderRule:
    """A pattern in a normal header, the kind it speaks for, and what speaks against it."""

    kind: Kind
    says: Says
    pattern: re.Pattern[str]
    unless: re.Pattern[str] | None


@lru_cache(maxsize=4096)
def normal(name: str) -> str:
    """Return *name* as ``_words_joined_``: lower case, without accents."""
    flat = unicodedata.normalize("NFKD", name.replace("ß", "ss"))
    flat = "".join(c for c in flat if not unicodedata.combining(c))
    return "_" + "_".join(_WORD.findall(_CAMEL.sub(" ", flat).lower())) + "_"


def rules_for(header: str) -> Sequence[HeaderRule]:
    """Return the rules that a normal *header* calls up, in order."""
    return [
        rule
        for rule in HEADER_RULES
        if rule.pattern.search(header) and not (rule.unless and rule.unless.search(header))
    ]


# What a password, key or code column is when it is not the secret itself.
_ABOUT = (
    r"_(?:changed?|reset|expir\w*|dates?|at|hint|policy|attempts?|length|strength|required|question|type|last|count"
    r"|status|flag|enabled|name|id|url|field|created|updated|valid\w*|is|has|needs?|must|method|algo\w*)_"
)
_NOT_PLACE = r"_(?:e_?mails?|ip|mac|web|url|http|site|type|id|code|cd|flag|status|count|lat|lon|latitude|longitude|key|hash|wallet)_"
_NOT_PERSON = (
    r"_(?:file|product|item|company|business|organi[sz]ation|org|agency|department|dept|school|facility|project|program\w*"
    r"|site|street|city|county|state|country|community|area|district|region|station|park|building|location|place"
    r"|event|group|team|brand|model|table|column|field|host|domain|server|display|common|scientific|species|fund|vendor"
    r"|supplier|trade|dba|legal|entity|plan|service|category|type|class|title|road|route|neighborhood|borough|ward|market"
    r"|hospital|bank|hotel|restaurant|club|library|museum|church|establecimiento|entidad|empresa|comercial|servicio"
    r"|departamento|municipio|actividad|producto|firma|unternehmen|societe|entreprise|azienda|bedrijf|ort|strasse"
    r"|code|cd|desc\w*|id|ind|flag|count|number|num|no|url|date|year|status|record|case|office|position|role|job)_"
)

_TABLE: tuple[tuple[Kind, Says, str, str], ...] = (
    # Credentials.
    (Kind.PASSWORD, Says.STRONG, r"passw(?:or)?d|passwort|passwd|_pwd|passphrase|kennwort|contrasena|_clave_(?:acceso|usuario)?|mot_de_passe|motdepasse|_mdp_|wachtwoord|senha|_(?:user_?)?pass_|_pw_", _ABOUT),
    (Kind.PASSWORD_HASH, Says.STRONG, r"_ntlm(?:v?[12])?_|_(?:nt|lm)_?(?:hash|pass)|authentication_string|unicode_?pwd|_(?:user|pass|pw)_?hash_", _ABOUT),
    (Kind.CARD_VERIFICATION, Says.STRONG, r"_(?:cvv2?|cvc2?|csc|cvn)_|cvv|card_(?:cid|verification|security|validation)|_(?:card_)?security_code_|kartenpruef|pruefziffer_karte|cryptogramme", ""),
    (Kind.PRIVATE_KEY, Says.STRONG, r"private_?key|secret_?pem|_pem_", ""),
    (Kind.ACCESS_TOKEN, Says.STRONG, r"api_?key|access_?key|secret_?key|auth_?key|auth_?token|access_?token|refresh_?token|bearer|client_?secret|_secret_|_token_|activation_key|webhook_secret|totp_secret|recovery_code", _ABOUT),
    (Kind.ACCESS_CODE, Says.STRONG, r"_(?:pin|tan|otp|pin_code|access_code|door_code|entry_code|pass_?code|verification_code|zugangscode|tuercode|codigo_de_acceso|code_d_acces|toegangscode)_", _ABOUT.replace("id|", "")),
    (Kind.SESSION_ID, Says.STRONG, r"session_?(?:id|key|token|hash|tokens)_|_(?:sid|phpsessid|jsessionid|ses_id|sess_id)_", ""),
    # Payment and accounts.
    (Kind.IBAN, Says.STRONG, r"_iban", ""),
    (Kind.BIC, Says.STRONG, r"_(?:bic|swift)(?:_code)?_", ""),
    (Kind.PAYMENT_CARD, Says.STRONG, r"card_?(?:number|no|num|nr)|_pan_|_cc_?(?:num|number|no)_|credit_?card|debit_?card|kreditkarte|karten_?n(?:umme)?r|tarjeta_(?:credito|numero)|numero_(?:de_)?tarjeta|carte_(?:bancaire|credit)|numero_carta|cartao", r"_(?:type|brand|expir\w*|holder|name|month|year|status|date|last)_"),
    (Kind.BANK_ACCOUNT, Says.STRONG, r"bank_?account|account_?(?:number|no|num|nr)_|acct_?(?:number|no|num)|konto_?(?:nummer|nr)|numero_(?:de_)?cuenta|cuenta_bancaria|numero_(?:de_)?compte|numero_conto|rekening_?(?:nummer|nr)|numero_(?:da_)?conta|_routing_?(?:number|no)?_|_aba_|sort_?code|bankleitzahl|_blz_", r"_(?:type|name|status|holder)_"),
    (Kind.TRANSACTION, Says.STRONG, r"transaction_(?:id|amount|ref\w*|no|number)|_txn_?(?:id|amount)|amount_(?:debited|credited)|account_balance|kontostand|buchungs(?:text|betrag)|verwendungszweck|saldo_cuenta|solde_compte", ""),
    # Identity numbers and dates.
    (Kind.BIRTH_DATE, Says.STRONG, r"birth_?da(?:te|y)|date_?of_?birth|_d_?o_?b_|geburts_?(?:datum|tag)|_geb_?dat|fecha_?(?:de_)?nac|date_?(?:de_)?naissance|data_(?:di_|de_)?nasci(?:ta|mento)|geboorte_?datum|_birth_dt_|_born_", r"_(?:place|country|city|rate|count)_"),
    (Kind.AGE, Says.STRONG, r"birth_?year|year_?of_?birth|_yob_|geburtsjahr|ano_nacimiento", ""),
    (Kind.NATIONAL_ID, Says.STRONG, r"_ssn|social_security_?(?:number|no|num)?_|_itin_|tax_?id(?:_|entification)|taxpayer_id|_nino_|national_insurance|_nhs_(?:number|no)_|_dni_|_nif_|_nie_|documento_identidad|numero_documento|_cedula_|codice_?fiscale|steuer_?(?:id|nummer|nr)|_bsn_|pesel|personnummer|_cpr_|_cpf_|_curp_|_rut_|passport|reisepass|pasaporte|passeport|passaporto|paspoort|driv(?:er_?s?|ing)_?licen[cs]e_?(?:number|no|num|nr|id)?_|fuehrerschein_?n|fuhrerschein_?n|national_?id|_id_card|identity_(?:card|number)|ausweis_?n|aadhaar|numero_(?:de_)?securite_sociale|_nir_|_insee_|rijksregister|_ahv_|_sin_", r"_(?:type|state|country|expir\w*|class|date|status|issued?)_"),
    # Health.
    (Kind.DIAGNOSIS, Says.STRONG, r"diagnos|_icd_?(?:9|10|11)?_|_icd_|_dx_?[0-9]*_|_illness|krankheit|_enfermedad|_maladie|malattia|medical_condition|health_condition|_comorbid|_allerg(?:y|ies)_|disability|behinderung|discapacidad", r"_(?:date|count|year|rate|id|flag)_"),
    (Kind.MEDICATION, Says.STRONG, r"medication|_medicament|prescription|_drug_name_|_drugs?_|medikament|arznei|wirkstoff|farmaco|geneesmiddel", r"_(?:date|count|id|cost|price|arrests?|offen\w*)_"),
    (Kind.INSURANCE_NUMBER, Says.STRONG, r"insurance_?(?:number|no|num|nr|id)|insured_id|policy_?(?:number|no|num|nr)|health_?card|_medicare_(?:number|no|id)|_medicaid_(?:number|no|id)|_kvnr_|versicher(?:ten|ungs)_?n(?:umme)?r|krankenversicher|numero_(?:de_)?seguro|seguro_social|numero_assure|tessera_sanitaria|_nss_|member_(?:number|no)_", r"_(?:type|date|status)_"),
    (Kind.PATIENT_NUMBER, Says.STRONG, r"patient_?(?:id|no|num|number|nr)_|_mrn_|medical_record|_nhc_|historia_clinica|id_paciente|paciente_id|patienten_?n(?:umme)?r|numero_(?:de_)?patient", ""),
    # GDPR Art. 9 and 10.
    (Kind.ETHNICITY, Says.STRONG, r"_race_|ethnic|_raza_|_etnia_|_etnico|ethnie|_razza_|raceeth|_rasse_|grupo_etnico", r"_(?:date|time|number|count|name|id|year)_"),
    (Kind.RELIGION, Says.STRONG, r"religio|konfession|_faith_|_creed_|_glaube", ""),
    (Kind.POLITICAL_OPINION, Says.STRONG, r"political_|party_affil|party_regist|registered_party|parteizugeh|partido_politico|parti_politique|orientamento_politico|_voted_for_", ""),
    (Kind.UNION_MEMBERSHIP, Says.STRONG, r"union_memb|_trade_union_|gewerkschaft|sindicato|_syndicat_|sindacato|vakbond", ""),
    (Kind.SEXUAL_ORIENTATION, Says.STRONG, r"sexual_(?:orient|pref)|orientacion_sexual|orientation_sexuelle|orientamento_sessuale|sexuelle_orient|_sexuality_", ""),
    (Kind.BIOMETRIC, Says.STRONG, r"biometri|finger_?print|_iris_(?:scan|code|template)|face_(?:template|encoding|embedding)|voice_?print|_genome_|_genotype_|_dna_", r"_(?:date|cert\w*|ssl|tls|key|ssh|sha\w*|hash|file|device)_"),
    (Kind.CRIMINAL_RECORD, Says.STRONG, r"convict|criminal_(?:record|hist)|vorstrafe|antecedentes_penales|casier_judiciaire|_felon(?:y|ies)_|prior_offen", r"_(?:count|rate)_"),
    (Kind.GENDER, Says.STRONG, r"_(?:gender|sex|sexo|genero|geschlecht|sexe|sesso|genere|geslacht|gndr|anrede)_", r"_(?:offen\w*|crime|orient\w*|abuse|trafficking)_"),
    (Kind.AGE, Says.STRONG, r"_(?:age|edad|alter|idade|leeftijd|eta)_", r"_(?:range|group|min|max|limit|avg|average|mean|median|rating)_"),
    (Kind.NATIONALITY, Says.STRONG, r"nationalit|nacionalidad|staatsangeh|citizenship|cittadinanza|nazionalita|nationaliteit|country_of_birth|birth_country|geburtsland|pais_(?:de_)?nacimiento|pays_(?:de_)?naissance", r"_(?:id|code|cd)_"),
    (Kind.SALARY, Says.STRONG, r"salar|_wages?_|gehalt|_lohn_|sueldo|stipendio|annual_income|personal_income|gross_(?:pay|income)|net_pay|base_pay|pay_rate|hourly_rate|remuneraci|compensation|asignacion_basica|remuneration|einkommen", r"_(?:range|grade|type|frequency|basis|date|min|max|average|avg|median)_"),
    # Contact.
    (Kind.EMAIL, Says.STRONG, r"e_?mail|_correo|courriel|posta_elettronica", r"_(?:sent|count|opt|flag|subject|template|verified|id|status|type|by|express|unlimited)_"),
    (Kind.PHONE, Says.STRONG, r"phone|_tel_?(?:no|nr|num)?_|telefon|tele?fono|_mobile?_?(?:no|nr|num|number)?_|_cell_?(?:phone|no|number)?_|_fax|_handy_|movil_|celular|telefoon|_telefone|_portable_|rufnummer|_contact_(?:number|no)_|whatsapp", r"_(?:type|ext|extension|model|verified|count|id|flag|status)_"),
    (Kind.IP_ADDRESS, Says.STRONG, r"_ip_?(?:addr\w*|v4|v6|adresse)?_|remote_addr|client_ip|ip_address", r"_(?:version|type|count|class)_"),
    (Kind.POSTAL_CODE, Says.STRONG, r"zip|postal|post_?code|_plz_|postleitzahl|codigo_postal|code_postal|_cap_|_cep_|postnummer", r"_(?:file|boundar\w*|codes)_"),
    (Kind.GEOLOCATION, Says.STRONG, r"_(?:lat|lon|lng|long|latitude|longitude|latitud|longitud|latlong|latlng|lat_long|lat_lon|breitengrad|laengengrad|coordinates?|coordenadas?|geolocation|geom|geo_point|point_[xy]|location)_|latitud|longitud|geocod|geolocali|localizacion|ubicacion", ""),
    (Kind.STREET_ADDRESS, Says.STRONG, r"address|_addr|_street_?(?:line|no|nr)?_?[0-9]*_$|strasse|_direcc|domicilio|_calle_|adresse|anschrift|indirizzo|_adres_|_straat_|endereco|po_?box|_wohnort_strasse_|mailing_street", _NOT_PLACE + r"|_(?:city|state|zip|county|country|ciudad|municipio)_"),
    (Kind.CITY, Says.STRONG, r"city_?$|_(?:city|town|city_name|town_name|ort|wohnort|stadt|ciudad|ville|citta|woonplaats|plaats|cidade|localidad|localite)_|city$", r"_(?:id|code|tenants|owned|wide|council|limits?|flag|file|population)_"),
    # Names, last: many things have a name.
    (Kind.PERSON_NAME, Says.STRONG, r"(?:first|last|middle|given|family|fore|maiden|sur|additional_sur|second_last)_?n(?:ame|m)s?|_(?:sur|fore|full|nick)_?names?|_full_name|vorname|nachname|familienname|apellido|prenom|nom_de_famille|cognome|achternaam|voornaam|sobrenome|_[fl]_?name_|middle_init|_mi_|_(?:first|last|middle)_$|_name_suffix_|_nombres_", r"_(?:count|id|file)_"),
    (Kind.PERSON_NAME, Says.FAIR, r"_(?:contact|owner|applicant|candidate|student|teacher|author|customer|client|patient|employee|member|guest|card_?holder|holder|recipient|beneficiary|manager|officer|driver|judge|witness|victim|suspect|defendant|plaintiff|spouse|parent|father|mother|child|inspector|supervisor|director|principal|president|mayor|alderman|attorney|lawyer|doctor|physician|sponsor|representative|representante_legal|gerente|alcalde|titular|propietario|solicitante|paciente|medico|cliente|kunde|inhaber|ansprechpartner|mitarbeiter|patientin|arzt|proprietaire|titulaire|responsable|medecin|paziente|titolare|klant|eigenaar|visitor|user|person|tenant|landlord|borrower|donor|voter|passenger|resident|artist|player|coach|signer|signatory|taxpayer|filer|licensee|operator|agent|broker|buyer|seller|registrant|lobbyist|enslaver|slave)s?_?(?:s_)?(?:full_?)?(?:name|nm|nombre)?s?_$|(?:contact|owner|applicant|candidate|student|customer|client|patient|employee|member|author)_?name_|_name_of_(?:the_)?(?:parent|child|children|spouse|owner|patient|applicant|contact|insured|deceased)|combined_name|person_?name|legal_representative|_nombre_(?:completo|y_apellidos?|del_titular)|nombres_?(?:y_apellidos|completos?)", _NOT_PERSON.replace("legal|", "").replace("office|", "")),
    (Kind.PERSON_NAME, Says.WEAK, r"name|nombre|_nom_|_nome_|_naam_|_owner|_contact|_author|_by_$|_assigned_to_|_created_by_|inspector|_propietario|_suffix_|_suff_", ""),
    # Logins after names: a user name may be either.
    (Kind.LOGIN, Says.STRONG, r"_(?:user_?name|login|login_?name|user_?login|logon|log_?in|screen_?name|nick_?name|benutzer_?name|nombre_(?:de_)?usuario|usuario|identifiant|nom_d_utilisateur|nome_utente|gebruikersnaam|user_?handle|samaccountname|uid)_", r"_(?:count|last|date|at|time|attempts|url|id)_"),
)  # fmt: skip

HEADER_RULES: tuple[HeaderRule, ...] = tuple(
    HeaderRule(kind, says, re.compile(pattern), re.compile(unless) if unless else None)
    for kind, says, pattern, unless in _TABLE
)

check_said("detect/headers.py", Where.NAME, (rule.kind for rule in HEADER_RULES))
