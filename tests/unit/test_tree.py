"""Every module has a test of its name, or one that is named here and holds it."""

from fnmatch import fnmatch
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
SOURCE = TESTS.parent / "src/sealgate"

# What is held elsewhere: by a table over many modules, or only by real peers.
HELD_BY = {
    "__main__.py": "unit/cli/test_voice.py",
    "app/audit.py": "peers/test_audit_sites.py",
    "app/audit_files.py": "peers/test_audit_ssh.py",
    "app/audit_jobs.py": "peers/test_audit_sites.py",
    "app/audit_host.py": "peers/test_audit_drops.py",
    "app/audit_stores.py": "peers/test_audit_drops.py",
    "app/audit_ways.py": "peers/test_audit_addresses.py",
    "app/certificate*.py": "peers/test_acme.py",
    "control.py": "peers/test_serve_start.py",
    "serve/relays.py": "peers/test_inspection_gateway.py",
    "serve/samples.py": "peers/test_inspection_samples.py",
    "serve/envoy_keeper.py": "peers/test_serve_start.py",
    "serve/gateway*.py": "peers/test_serve_live.py",
    "app/getting.py": "peers/test_send_sftp.py",
    "serve/monitoring.py": "peers/test_monitoring.py",
    "serve/opened_keys.py": "peers/test_transfer_core.py",
    "app/reload.py": "peers/test_serve_live.py",
    "serve/revival.py": "peers/test_transfer_core.py",
    "app/scripts.py": "peers/test_payment_pages.py",
    "app/sealed_header.py": "peers/test_send_sftp.py",
    "app/sending*.py": "peers/test_send_sftp.py",
    "app/sealing_plan.py": "unit/app/test_sealing.py",
    "serve/running.py": "peers/test_serve_live.py",
    "serve/foreground.py": "peers/test_serve_live.py",
    "serve/supervisor.py": "peers/test_transfer_core.py",
    "serve/listening.py": "peers/test_inspection_samples.py",
    "app/state.py": "unit/app/test_decided.py",
    "serve/service.py": "peers/test_reload_whole.py",
    "serve/file_servers*.py": "peers/test_transfer_core.py",
    "serve/server_group.py": "peers/test_transfer_core.py",
    "serve/sign_in*.py": "peers/test_signin_tokens.py",
    "serve/certificate_keeper.py": "peers/test_acme.py",
    "app/apart.py": "unit/serve/test_store_watch.py",
    "gateway/translate/sign_in.py": "peers/test_signin_tokens.py",
    "identity/confusables.py": "unit/identity/test_look_alikes.py",
    "identity/token_parts.py": "unit/identity/test_tokens.py",
    "signin/model.py": "unit/signin/test_pages.py",
    "signin/problems.py": "unit/signin/test_pages.py",
    "signin/script.py": "peers/test_signin_browser.py",
    "signin/adapters/*.py": "peers/test_signin_tokens.py",
    "audit/adapters/*.py": "peers/test_audit_endpoints.py",
    "cli/certificate.py": "peers/test_acme.py",
    "cli/configured.py": "unit/cli/test_voice.py",
    "cli/demo.py": "peers/test_demo.py",
    "cli/get.py": "peers/test_send_sftp.py",
    "cli/groups.py": "unit/cli/test_voice.py",
    "cli/init.py": "unit/app/test_init.py",
    "cli/open.py": "unit/cli/test_seal.py",
    "cli/output.py": "unit/cli/test_assess.py",
    "cli/plan.py": "unit/serve/test_plan.py",
    "cli/reload.py": "peers/test_serve_live.py",
    "cli/scripts.py": "peers/test_payment_pages.py",
    "cli/send.py": "peers/test_send_sftp.py",
    "cli/sealed.py": "unit/cli/test_seal.py",
    "cli/serve.py": "peers/test_serve_start.py",
    "cli/settings.py": "unit/serve/test_plan.py",
    "cli/trust.py": "unit/app/test_trust.py",
    "cli/user.py": "unit/app/test_users.py",
    "config/*.py": "golden/config-faults.txt",
    "config/presets/*.py": "peers/test_init_serves.py",
    "demo/geography.py": "unit/demo/test_configuration.py",
    "demo/partner.py": "peers/test_demo.py",
    "demo/shop/*.py": "unit/demo/test_shop.py",
    "detect/anchor.py": "unit/detect/test_scanner.py",
    "detect/confirm/*.py": "golden/detect",
    "detect/given_names.py": "unit/detect/test_columns.py",
    "detect/model.py": "unit/detect/test_catalogue.py",
    "detect/shapes.py": "unit/detect/test_columns.py",
    "errors.py": "unit/cli/test_voice.py",
    "gateway/adapters/acme*.py": "peers/test_acme.py",
    "gateway/translate/egress.py": "peers/test_egress.py",
    "gateway/adapters/doors.py": "peers/test_serve_start.py",
    "inspection/*.py": "laws/test_inspection_laws.py",
    "inspection/adapters/signer*.py": "peers/test_signer.py",
    "app/audit_signed.py": "peers/test_plain_http.py",
    "serve/signer_policies.py": "peers/test_plain_http.py",
    "serve/signer.py": "peers/test_plain_http.py",
    "audit/adapters/signed.py": "peers/test_plain_http.py",
    "inspection/adapters/signing_keys.py": "unit/app/test_signing_keys.py",
    "inspection/adapters/*.py": "peers/test_inspection_relay.py",
    "policy/assets.py": "unit/policy/test_inventory.py",
    "policy/files.py": "golden/config-faults.txt",
    "policy/listening.py": "golden/config-faults.txt",
    "policy/places.py": "unit/policy/test_inventory.py",
    "policy/rules/*.py": "unit/policy/test_rules.py",
    "policy/sites.py": "unit/policy/test_inventory.py",
    "storage/age/errors.py": "unit/storage/age/test_cctv.py",
    "storage/age/file.py": "unit/storage/age/test_cctv.py",
    "storage/age/hybrid.py": "unit/storage/age/test_cctv.py",
    "storage/age/passphrase.py": "unit/storage/age/test_envelope.py",
    "storage/age/wrapping.py": "unit/storage/age/test_keys.py",
    "storage/age/x25519.py": "unit/storage/age/test_cctv.py",
    "register/adapters/evidence.py": "unit/register/adapters/test_store.py",
    "register/adapters/migrations/*": "unit/register",
    "transfer/adapters/client*.py": "peers/test_send_sftp.py",
    "identity/adapters/migrations/*": "unit/identity",
    "transfer/adapters/ftps_channel.py": "unit/transfer/adapters/test_ftps_connection.py",
    "transfer/adapters/ftps_settings.py": "unit/transfer/adapters/test_ftps.py",
    "transfer/adapters/ftps_tasks.py": "unit/transfer/adapters/test_ftps_connection.py",
    "transfer/adapters/doorkeeper_*.py": "unit/transfer/adapters/test_doorkeeper_granted.py",
    "transfer/adapters/session_*.py": "unit/transfer/adapters/test_session.py",
    "transfer/adapters/uploads*.py": "unit/transfer/adapters/test_session.py",
    "transfer/adapters/workers*.py": "peers/test_transfer_core.py",
    "transfer/model.py": "unit/transfer/adapters/test_session.py",
    "identity/adapters/schema.py": "unit/identity/adapters/test_second_factors.py",
    "identity/adapters/identities.py": "unit/identity/adapters/test_store.py",
    "identity/adapters/people.py": "unit/identity/adapters/test_sealed_rows.py",
    "identity/adapters/row_check.py": "unit/identity/adapters/test_sealed_rows.py",
    "identity/adapters/row_key.py": "unit/identity/adapters/test_sealed_rows.py",
    "identity/adapters/key_folder.py": "unit/identity/adapters/test_token_keys.py",
    "identity/adapters/database.py": "unit/identity/adapters/test_sealed_rows.py",
    "cli/rotate.py": "unit/app/test_storing.py",
    "cli/stored.py": "unit/app/test_storing.py",
    "cli/keys_signing.py": "unit/app/test_signing_keys.py",
    "cli/verify_url.py": "unit/app/test_verifying.py",
    "signing/fields.py": "unit/signing/test_sign.py",
    "signing/model.py": "unit/signing/test_verify.py",
    "cli/verify.py": "unit/app/test_storing.py",
    "storage/adapters/anchor.py": "unit/storage/adapters/test_verify.py",
    "storage/adapters/connections.py": "unit/storage/adapters/test_store.py",
    "storage/adapters/folder*.py": "unit/storage/adapters/test_store.py",
    "storage/adapters/forms.py": "unit/storage/adapters/test_store.py",
    "storage/adapters/medium.py": "peers/test_storage_full.py",
    "storage/adapters/migrations/*": "unit/storage/adapters/test_store.py",
    "storage/adapters/object_ends.py": "peers/test_storage_objects.py",
    "storage/adapters/objects.py": "peers/test_storage_objects.py",
    "storage/adapters/opened.py": "unit/storage/adapters/test_store.py",
    "storage/adapters/packed.py": "peers/test_transfer_core.py",
    "storage/adapters/plain.py": "laws/test_storage_laws.py",
    "storage/adapters/protected.py": "laws/test_storage_laws.py",
    "storage/adapters/reader.py": "unit/storage/adapters/test_store.py",
    "storage/adapters/record*.py": "unit/storage/adapters/test_verify.py",
    "storage/adapters/reserve.py": "peers/test_storage_full.py",
    "storage/adapters/sealed.py": "unit/storage/adapters/test_verify.py",
    "storage/adapters/stored_objects.py": "unit/storage/adapters/test_store.py",
    "storage/adapters/sweep.py": "peers/test_storage_kills.py",
    "storage/adapters/shared_names.py": "peers/test_storage_postgresql.py",
    "storage/adapters/uploads.py": "laws/test_storage_laws.py",
    "storage/model.py": "unit/storage/adapters/test_store.py",
    "storage/adapters/keystore_*.py": "unit/storage/adapters/test_keystore.py",
    "transfer/adapters/ssh_refusals.py": "peers/test_sftp_openssh.py",
    "transfer/adapters/sftp.py": "peers/test_sftp_pressure.py",
    "transfer/adapters/ssh_*.py": "peers/test_sftp_openssh.py",
    "transfer/adapters/tunnels.py": "peers/test_sftp_clients.py",
}
MODULES = sorted(
    str(path.relative_to(SOURCE))
    for path in SOURCE.rglob("*.py")
    if path.name != "__init__.py" or path.stat().st_size > 500
)


@pytest.mark.parametrize("module", MODULES)
def test_each_module_is_held_by_a_test(module: str) -> None:
    """A new module without a test fails here."""
    name = Path(module)
    own = TESTS / "unit" / name.parent / f"test_{name.name}"
    package = TESTS / "unit" / name.parent
    named = [held for pattern, held in HELD_BY.items() if fnmatch(module, pattern)]
    in_package = name.name == "__init__.py" and package.is_dir()
    assert own.exists() or in_package or named, f"no test for {module}"


@pytest.mark.parametrize(("pattern", "held"), HELD_BY.items())
def test_each_exception_is_needed_and_there(pattern: str, held: str) -> None:
    """An exception for a module that is gone, or to a test that is gone, fails here."""
    assert (TESTS / held).exists(), held
    assert any(fnmatch(module, pattern) for module in MODULES), pattern
