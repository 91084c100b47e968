"""
Every rule, one file each: file, id, docs heading and message share one word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.rules import (
    access_anonymous,
    access_no_approval,
    access_no_key,
    access_site_unverified,
    at_rest_keys_on_host,
    at_rest_unobserved,
    at_rest_unprotected,
    at_rest_unsealed,
    certificate_no_operator,
    drop_class_exceeded,
    minimise_clear_password,
    minimise_file_in_web_root,
    minimise_stored_cvv,
    transit_backend_bypass,
    transit_backend_unlocked,
    transit_classical_accepted,
    transit_client_unauthenticated,
    transit_expired_certificate,
    transit_expires_soon,
    transit_form_get,
    transit_form_plaintext,
    transit_ftp_clear_control,
    transit_ftp_clear_data,
    transit_ftp_injection,
    transit_ftp_plaintext,
    transit_ftp_session_not_reused,
    transit_insecure_cookie,
    transit_mixed_content,
    transit_no_hsts,
    transit_no_hybrid,
    transit_no_redirect,
    transit_plaintext,
    transit_post_accepted,
    transit_scriptable_cookie,
    transit_ssh_classical_accepted,
    transit_ssh_no_hybrid,
    transit_ssh_no_strict_kex,
    transit_ssh_old_cipher,
    transit_ssh_password_accepted,
    transit_ssh_version_1,
    transit_ssh_weak_cipher,
    transit_ssh_weak_host_key,
    transit_ssh_weak_kex,
    transit_ssh_weak_mac,
    transit_tls_1_2_accepted,
    transit_unobserved,
    transit_untrusted_chain,
    transit_upstream_plaintext,
    transit_weak_cipher,
    transit_weak_hsts,
    transit_weak_key,
    transit_weak_session,
    transit_weak_version,
    transit_wrong_name,
)

if TYPE_CHECKING:
    from sealgate.policy.finding import Rule

# In the order of reports and of docs/rules.md.
RULES: tuple[Rule, ...] = (
    transit_plaintext.RULE,
    transit_weak_version.RULE,
    transit_weak_cipher.RULE,
    transit_untrusted_chain.RULE,
    transit_wrong_name.RULE,
    transit_expired_certificate.RULE,
    transit_tls_1_2_accepted.RULE,
    transit_no_hybrid.RULE,
    transit_classical_accepted.RULE,
    transit_client_unauthenticated.RULE,
    transit_ssh_version_1.RULE,
    transit_ssh_weak_kex.RULE,
    transit_ssh_weak_cipher.RULE,
    transit_ssh_weak_mac.RULE,
    transit_ssh_weak_host_key.RULE,
    transit_ssh_no_strict_kex.RULE,
    transit_ssh_no_hybrid.RULE,
    transit_ssh_classical_accepted.RULE,
    transit_ssh_old_cipher.RULE,
    transit_ssh_password_accepted.RULE,
    transit_ftp_plaintext.RULE,
    transit_ftp_injection.RULE,
    transit_ftp_clear_data.RULE,
    transit_ftp_clear_control.RULE,
    transit_weak_session.RULE,
    transit_unobserved.RULE,
    transit_ftp_session_not_reused.RULE,
    transit_expires_soon.RULE,
    transit_weak_key.RULE,
    transit_no_hsts.RULE,
    transit_weak_hsts.RULE,
    transit_no_redirect.RULE,
    transit_post_accepted.RULE,
    transit_insecure_cookie.RULE,
    transit_scriptable_cookie.RULE,
    transit_mixed_content.RULE,
    transit_form_plaintext.RULE,
    transit_form_get.RULE,
    transit_backend_unlocked.RULE,
    transit_backend_bypass.RULE,
    transit_upstream_plaintext.RULE,
    access_anonymous.RULE,
    access_no_key.RULE,
    access_no_approval.RULE,
    access_site_unverified.RULE,
    certificate_no_operator.RULE,
    at_rest_unobserved.RULE,
    at_rest_unprotected.RULE,
    at_rest_unsealed.RULE,
    at_rest_keys_on_host.RULE,
    drop_class_exceeded.RULE,
    minimise_stored_cvv.RULE,
    minimise_clear_password.RULE,
    minimise_file_in_web_root.RULE,
)

_BY_ID = {rule.id: rule for rule in RULES}


def find_rule(rule_id: str) -> Rule | None:
    """
    Return the rule called *rule_id*, or ``None`` when there is none.
    """
    return _BY_ID.get(rule_id)
