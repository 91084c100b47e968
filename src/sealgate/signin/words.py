"""
Every sentence of the sign-in pages, in each language that they speak. The one place.

A language is added by adding a table; a test holds every table to the same names and the
same blanks.
"""

from __future__ import annotations

from collections.abc import Mapping

ENGLISH: Mapping[str, str] = {
    "sign in": "Sign in",
    "why low": "This area ({path}) is {class_name}: it opens for people who have an account.",
    "why high": (
        "This area ({path}) is {class_name}: sign in with a key (a passkey, or a client "
        "certificate) from an allowed country."
    ),
    "why very high": (
        "This area ({path}) is {class_name}: sign in with a key from an allowed country, prove "
        "it with a second factor that is at most five minutes old, and have a grant that "
        "another person approved."
    ),
    "name": "User name",
    "password": "Password",
    "code": "One-time code",
    "code hint": "The six digits that your authenticator app shows, or a recovery code.",
    "submit": "Sign in",
    "submit code": "Go on",
    "passkey": "Sign in with a passkey",
    "passkey again": "Confirm with a passkey",
    "passkey why": "Your device asks for your finger, face or PIN.",
    "passkey failed": "The passkey was not accepted. Try again.",
    "no script": "Passkeys need JavaScript, which is off in this browser.",
    "certificate hint": (
        "If you have a client certificate for this site: close all its windows, come again, and "
        "choose it when your browser asks."
    ),
    "wrong": "That name and password do not belong together.",
    "wrong code": "That code is not right, or was used before.",
    "wait": "There were too many attempts. Wait {seconds} seconds, then try again.",
    "stale form": "This page was open for too long, or cookies are off. Please send it again.",
    "signed in as": "You are signed in as {name}.",
    "other country": "Not from this country",
    "no country": "The country is not known",
    "country": (
        "You come from {country}. This area does not open from there; no sign-in can change "
        "that. Come from an allowed country, or ask the operator."
    ),
    "unknown country": (
        "It is not known from which country you come, so this area does not open. Come from an "
        "allowed country, or ask the operator."
    ),
    "grant": (
        "You need a grant that another person approves. Ask for it with a reason, or have "
        "somebody ask who may use the command line:"
    ),
    "grant waiting": "You asked for a grant. It waits for another person to approve it:",
    "grant ran out": "Your grant ran out.",
    "grant ended": "Your grant was ended.",
    "grant denied": "Your grant was denied.",
    "grant lapsed": "Nobody decided about your grant in time.",
    "again": "Look again",
    "second factor": (
        "Confirm that it is you. What you prove now counts for five minutes, then it is asked "
        "again."
    ),
    "no second factor": (
        "You have no second factor that is independent of your key. Ask the operator to set one up:"
    ),
    "own certificate": (
        "This connection shows no client certificate of yours that still counts. Close all "
        "windows of this site, come again, and choose your own."
    ),
    "not admitted": "Not for this account",
    "not admitted why": (
        "You are signed in as {name}, and this area ({path}) is not open to that account. Sign "
        "in as somebody else, or ask the operator to admit you."
    ),
    "ended": "Your session has ended",
    "ended why": (
        "What you sent was not passed on, because you are not signed in any more. Sign in in "
        "another window, then come back and send it again."
    ),
    "sign in again": "Sign in in a new window",
    "more needed": "More is needed here",
    "account": "Your sign-in",
    "nobody": "You are not signed in.",
    "sign out": "Sign out",
    "new passkey": "Register a passkey",
    "new passkey why": (
        "Enter the code that the operator gave you. Then your device asks for your finger, face "
        "or PIN, and keeps a key for this site."
    ),
    "enrolment": "Code from the operator",
    "label": "Name of this passkey, such as: phone",
    "register": "Register",
    "registered": "The passkey is registered. You can sign in with it now.",
    "bad code": "That code is not known, too old, or was used.",
    "provider": "Sign in with {label}",
    "provider going": "You are sent to {label} to sign in.",
    "provider go on": "Go on to {label}",
    "provider sign out": "Sign out at {label}, too",
    "provider down": (
        "{label} cannot be asked at the moment: {reason}. Try again later, or sign in another way."
    ),
    "provider declined": "{label} did not sign you in.",
    "provider stale": (
        "That sign-in was begun too long ago or in another browser, or is finished already. "
        "Begin again."
    ),
    "provider forged": (
        "What {label} answered cannot be trusted, so it does not count. Begin again."
    ),
    "provider unknown": (
        "{label} knows you, but you have no account here. Ask the operator for one."
    ),
    "provider taken": (
        "{label} calls you by a name whose account here belongs to somebody else. Ask the operator."
    ),
    "provider alike": (
        "{label} calls you by a name that looks like that of somebody else here. Ask the operator."
    ),
    "provider removed": "Your account here was removed. Ask the operator.",
    "provider nameless": (
        "{label} does not tell a name that an account can have, or did not verify your e-mail "
        "address. Ask the operator."
    ),
    "operator": "Operator: {operator}",
    "not found": "There is no such page",
    "not found why": "Check the address.",
}

GERMAN: Mapping[str, str] = {
    "sign in": "Anmelden",
    "why low": "Dieser Bereich ({path}) ist {class_name}: Er öffnet sich für Menschen mit Konto.",
    "why high": (
        "Dieser Bereich ({path}) ist {class_name}: Melden Sie sich mit einem Schlüssel an "
        "(Passkey oder Client-Zertifikat), aus einem zugelassenen Land."
    ),
    "why very high": (
        "Dieser Bereich ({path}) ist {class_name}: Melden Sie sich mit einem Schlüssel aus einem "
        "zugelassenen Land an, bestätigen Sie das mit einem zweiten Faktor, der höchstens fünf "
        "Minuten alt ist, und lassen Sie sich den Zugang von einer anderen Person freigeben."
    ),
    "name": "Benutzername",
    "password": "Passwort",
    "code": "Einmal-Code",
    "code hint": "Die sechs Ziffern aus Ihrer Authenticator-App, oder ein Wiederherstellungscode.",
    "submit": "Anmelden",
    "submit code": "Weiter",
    "passkey": "Mit Passkey anmelden",
    "passkey again": "Mit Passkey bestätigen",
    "passkey why": "Ihr Gerät fragt nach Finger, Gesicht oder PIN.",
    "passkey failed": "Der Passkey wurde nicht angenommen. Versuchen Sie es noch einmal.",
    "no script": "Passkeys brauchen JavaScript, das in diesem Browser ausgeschaltet ist.",
    "certificate hint": (
        "Wenn Sie ein Client-Zertifikat für diese Seite haben: Schließen Sie alle ihre Fenster, "
        "kommen Sie wieder und wählen Sie es, wenn Ihr Browser fragt."
    ),
    "wrong": "Name und Passwort gehören nicht zusammen.",
    "wrong code": "Dieser Code stimmt nicht oder wurde schon benutzt.",
    "wait": "Es gab zu viele Versuche. Warten Sie {seconds} Sekunden, dann geht es wieder.",
    "stale form": (
        "Diese Seite war zu lange offen, oder Cookies sind ausgeschaltet. Bitte noch einmal "
        "absenden."
    ),
    "signed in as": "Sie sind angemeldet als {name}.",
    "other country": "Nicht aus diesem Land",
    "no country": "Das Land ist nicht bekannt",
    "country": (
        "Sie kommen aus {country}. Von dort öffnet sich dieser Bereich nicht; daran ändert keine "
        "Anmeldung etwas. Kommen Sie aus einem zugelassenen Land, oder fragen Sie den Betreiber."
    ),
    "unknown country": (
        "Aus welchem Land Sie kommen, ist nicht bekannt; darum öffnet sich dieser Bereich nicht. "
        "Kommen Sie aus einem zugelassenen Land, oder fragen Sie den Betreiber."
    ),
    "grant": (
        "Sie brauchen eine Freigabe durch eine andere Person. Bitten Sie mit Begründung darum, "
        "oder lassen Sie jemanden bitten, der die Kommandozeile bedienen darf:"
    ),
    "grant waiting": "Sie haben um eine Freigabe gebeten. Eine andere Person muss zustimmen:",
    "grant ran out": "Ihre Freigabe ist abgelaufen.",
    "grant ended": "Ihre Freigabe wurde beendet.",
    "grant denied": "Ihre Freigabe wurde abgelehnt.",
    "grant lapsed": "Über Ihre Freigabe hat niemand rechtzeitig entschieden.",
    "again": "Noch einmal nachsehen",
    "second factor": (
        "Bestätigen Sie, dass Sie es sind. Das gilt fünf Minuten lang, dann wird wieder gefragt."
    ),
    "no second factor": (
        "Sie haben keinen zweiten Faktor, der von Ihrem Schlüssel unabhängig ist. Bitten Sie den "
        "Betreiber darum:"
    ),
    "own certificate": (
        "Diese Verbindung zeigt kein Client-Zertifikat von Ihnen, das noch gilt. Schließen Sie "
        "alle Fenster dieser Seite, kommen Sie wieder und wählen Sie Ihr eigenes."
    ),
    "not admitted": "Nicht für dieses Konto",
    "not admitted why": (
        "Sie sind angemeldet als {name}, und dieser Bereich ({path}) steht diesem Konto nicht "
        "offen. Melden Sie sich anders an, oder bitten Sie den Betreiber um Zugang."
    ),
    "ended": "Ihre Sitzung ist zu Ende",
    "ended why": (
        "Was Sie gesendet haben, wurde nicht weitergegeben, weil Sie nicht mehr angemeldet sind. "
        "Melden Sie sich in einem anderen Fenster an, kommen Sie zurück und senden Sie noch "
        "einmal."
    ),
    "sign in again": "In neuem Fenster anmelden",
    "more needed": "Hier ist mehr nötig",
    "account": "Ihre Anmeldung",
    "nobody": "Sie sind nicht angemeldet.",
    "sign out": "Abmelden",
    "new passkey": "Passkey registrieren",
    "new passkey why": (
        "Geben Sie den Code ein, den Sie vom Betreiber haben. Dann fragt Ihr Gerät nach Finger, "
        "Gesicht oder PIN und behält einen Schlüssel für diese Seite."
    ),
    "enrolment": "Code vom Betreiber",
    "label": "Name dieses Passkeys, etwa: Telefon",
    "register": "Registrieren",
    "registered": "Der Passkey ist registriert. Sie können sich jetzt damit anmelden.",
    "bad code": "Dieser Code ist unbekannt, zu alt oder schon benutzt.",
    "provider": "Mit {label} anmelden",
    "provider going": "Sie werden zur Anmeldung an {label} weitergeleitet.",
    "provider go on": "Weiter zu {label}",
    "provider sign out": "Auch bei {label} abmelden",
    "provider down": (
        "{label} kann gerade nicht gefragt werden: {reason}. Versuchen Sie es später noch "
        "einmal, oder melden Sie sich anders an."
    ),
    "provider declined": "{label} hat Sie nicht angemeldet.",
    "provider stale": (
        "Diese Anmeldung wurde vor zu langer Zeit oder in einem anderen Browser begonnen, oder "
        "sie ist schon beendet. Beginnen Sie noch einmal."
    ),
    "provider forged": (
        "Der Antwort von {label} ist nicht zu trauen, deshalb zählt sie nicht. Beginnen Sie noch "
        "einmal."
    ),
    "provider unknown": (
        "{label} kennt Sie, aber Sie haben hier kein Konto. Bitten Sie den Betreiber darum."
    ),
    "provider taken": (
        "{label} nennt Sie bei einem Namen, dessen Konto hier jemand anderem gehört. Fragen Sie "
        "den Betreiber."
    ),
    "provider alike": (
        "{label} nennt Sie bei einem Namen, der hier aussieht wie der von jemand anderem. Fragen "
        "Sie den Betreiber."
    ),
    "provider removed": "Ihr Konto hier wurde entfernt. Fragen Sie den Betreiber.",
    "provider nameless": (
        "{label} nennt keinen Namen, den ein Konto haben kann, oder hat Ihre E-Mail-Adresse nicht "
        "geprüft. Fragen Sie den Betreiber."
    ),
    "operator": "Betreiber: {operator}",
    "not found": "Diese Seite gibt es nicht",
    "not found why": "Prüfen Sie die Adresse.",
}

LANGUAGES: Mapping[str, Mapping[str, str]] = {"en": ENGLISH, "de": GERMAN}


def language_of(accepted: str) -> str:
    """
    Return which of :data:`LANGUAGES` an Accept-Language header asks for first.

    Weights are not looked at: browsers list by preference (RFC 9110, 12.5.4).
    """
    for wish in accepted[:200].split(","):
        tag = wish.partition(";")[0].strip().lower().partition("-")[0]
        if tag in LANGUAGES:
            return tag
    return "en"
