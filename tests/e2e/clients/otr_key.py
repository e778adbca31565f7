"""An OTR key made by libotr before Pidgin starts, so that Pidgin need not ask for one."""

import ctypes

LIBRARY = "libotr.so.5"
FINGERPRINT_TEXT_BYTES = 45


def make(path, account, protocol="prpl-jabber"):
    """Writes a new private key for `account` to `path`; returns its fingerprint as libotr
    writes it: five groups of eight upper-case hexadecimal digits."""
    library = ctypes.CDLL(LIBRARY)
    library.otrl_userstate_create.restype = ctypes.c_void_p
    library.otrl_privkey_fingerprint.restype = ctypes.c_char_p
    assert library.otrl_init(4, 1, 1) == 0, "this libotr is older than 4.1.1"
    state = ctypes.c_void_p(library.otrl_userstate_create())
    name, kind = account.encode(), protocol.encode()
    failed = library.otrl_privkey_generate(state, str(path).encode(), name, kind)
    assert failed == 0, f"libotr could not make a key (error {failed})"
    text = ctypes.create_string_buffer(FINGERPRINT_TEXT_BYTES)
    shown = library.otrl_privkey_fingerprint(state, text, name, kind)
    library.otrl_userstate_free(state)
    return shown.decode()
