"""
The one script of the sign-in pages: it brings passkeys to the browser and back.

A page without it works for everything else.
"""

SCRIPT = r"""'use strict';
(() => {
  const bytes = (text) => Uint8Array.from(
    atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  const send = async (form, path, content) => {
    const answer = await fetch(path, {
      method: 'POST',
      headers: {'content-type': 'application/json', 'x-form': form.elements.form.value},
      body: JSON.stringify(content),
    });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  };
  const listed = (keys) => (keys || []).map((key) => ({...key, id: bytes(key.id)}));
  const told = (made, names) => ({
    id: made.id, rawId: text(made.rawId), type: made.type, clientExtensionResults: {},
    response: Object.fromEntries(names.filter((name) => made.response[name])
      .map((name) => [name, text(made.response[name])])),
  });
  const on = (id, act) => {
    const form = document.getElementById(id);
    if (!form || !window.PublicKeyCredential) return;
    form.hidden = false;
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      const failed = document.getElementById('failed');
      failed.hidden = true;
      try { await act(form); } catch { failed.hidden = false; }
    });
  };
  on('passkey', async (form) => {
    const options = await send(form, '/.sealgate/passkey/options', {});
    options.challenge = bytes(options.challenge);
    options.allowCredentials = listed(options.allowCredentials);
    const made = await navigator.credentials.get({publicKey: options});
    const names = ['clientDataJSON', 'authenticatorData', 'signature', 'userHandle'];
    const answer = await send(form, '/.sealgate/passkey',
      {to: form.elements.to.value, response: told(made, names)});
    location.assign(answer.to);
  });
  on('register', async (form) => {
    const code = form.elements.enrolment.value;
    const options = await send(form, '/.sealgate/passkey/new/options', {code});
    options.challenge = bytes(options.challenge);
    options.user.id = bytes(options.user.id);
    options.excludeCredentials = listed(options.excludeCredentials);
    const made = await navigator.credentials.create({publicKey: options});
    await send(form, '/.sealgate/passkey/new', {
      code, label: form.elements.label.value,
      response: told(made, ['clientDataJSON', 'attestationObject']),
    });
    form.hidden = true;
    document.getElementById('done').hidden = false;
  });
})();
"""
