"""
A small real shop: catalogue, sign-in, account, checkout, and a backend under ``/typo3``.

It is an ordinary site on plain HTTP that knows nothing of Sealgate: a Starlette
application with SQLite, run as a process of its own. Run it alone with
``python -m sealgate.demo.shop``.
"""
