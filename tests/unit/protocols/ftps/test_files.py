import hashlib
import io
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.protocols.ftps.ftps_served import Client, Raw, Served, client, served, trusting

CONTENT = b"0123456789" * 1000


@pytest.fixture(name="where")
def _where(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path) as running:
        (running.context.folder / "file").write_bytes(CONTENT)
        (running.context.folder / "folder").mkdir()
        (running.context.folder / "folder" / "ä ö.txt").write_bytes(b"x")
        yield running


@pytest.fixture(name="one")
def _one(where: Served) -> Iterator[Client]:
    with client(where) as one:
        yield one


def test_listings(one: Client) -> None:
    """LIST looks like ls, NLST gives names, MLSD facts; options of ls are passed over."""
    lines: list[str] = []
    one.retrlines("LIST -la /", lines.append)
    assert [line.split()[0] for line in lines] == ["-rw-------", "drwx------"]
    assert lines[0].endswith(" file")
    assert one.nlst("/folder") == ["ä ö.txt"]
    found = dict(one.mlsd("/"))
    assert found["file"]["size"] == "10000"
    assert found["folder"]["type"] == "dir"
    assert one.nlst("file") == ["file"]


def test_mlst_tells_one(one: Client) -> None:
    """The facts of one file come over the control connection."""
    reply = one.sendcmd("MLST folder/ä ö.txt")
    assert "size=1;" in reply
    assert reply.splitlines()[1].endswith(" /folder/ä ö.txt")


def test_mlsd_wants_a_folder(one: Client) -> None:
    """RFC 3659, 7.2: MLSD of a file is an error."""
    with pytest.raises(Exception, match=r"^550 "):
        list(one.mlsd("file"))


def test_mlst_facts_can_be_chosen(one: Client) -> None:
    """OPTS MLST narrows the facts, and FEAT shows it."""
    assert one.sendcmd("OPTS MLST size;unheard;") == "200 MLST OPTS size;"
    assert dict(one.mlsd("/"))["file"] == {"size": "10000"}
    assert "MLST type;size*;modify;unique;" in one.sendcmd("FEAT")


def test_sizes_times_and_hashes(one: Client) -> None:
    """SIZE, MDTM, MFMT and HASH tell of the plain content."""
    one.voidcmd("TYPE I")
    assert one.size("file") == 10_000
    assert one.sendcmd("MFMT 20200102030405 file") == "213 Modify=20200102030405; file"
    assert one.sendcmd("MDTM file") == "213 20200102030405"
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert one.sendcmd("HASH file") == f"213 SHA-256 0-10000 {digest} file"
    assert one.sendcmd("OPTS HASH") == "200 SHA-256"
    for command in ("OPTS HASH MD5", "MFMT tomorrow file", "MFMT 20200102030405"):
        with pytest.raises(Exception, match=r"^501 "):
            one.sendcmd(command)
    for command in ("SIZE folder", "MDTM folder", "SIZE none", "HASH folder", "HASH none"):
        with pytest.raises(Exception, match=r"^550 "):
            one.sendcmd(command)


def test_text_mode_moves_no_file(one: Client) -> None:
    """In TYPE A neither sizes nor offsets nor contents would be true, so they are refused."""
    one.voidcmd("TYPE A")
    for command in ("SIZE file", "REST 5", "RETR file", "STOR new", "APPE new"):
        with pytest.raises(Exception, match=r"^5\d\d .*TYPE I"):
            one.sendcmd(command)
    assert one.nlst() == ["file", "folder"]


def test_ranges(one: Client) -> None:
    """REST before RETR begins there; behind the end is refused."""
    for offset in (0, 1, 9_999, 10_000):
        got = io.BytesIO()
        one.retrbinary("RETR file", got.write, rest=offset)
        assert got.getvalue() == CONTENT[offset:]
    with pytest.raises(Exception, match=r"^504 the file ends at 10000"):
        one.retrbinary("RETR file", got.write, rest=10_001)
    for wrong in ("-1", "x", "9" * 30):
        with pytest.raises(Exception, match=r"^501 "):
            one.sendcmd(f"REST {wrong}")


def test_rest_holds_for_one_command(one: Client) -> None:
    """An offset is not kept for the next transfer."""
    one.sendcmd("REST 9990")
    with pytest.raises(Exception, match=r"^550 "):
        one.retrbinary("RETR none", lambda _: None)
    whole = io.BytesIO()
    one.retrbinary("RETR file", whole.write)
    assert len(whole.getvalue()) == 10_000


def test_resumed_uploads(where: Served, one: Client) -> None:
    """REST at the size of the part goes on; anywhere else, and behind a whole file, is refused."""
    (where.context.folder / "new.part").write_bytes(b"12345")
    assert one.size("new") == 5
    for offset in (4, 6):
        with pytest.raises(Exception, match=r"^504 .*REST 5"):
            one.storbinary("STOR new", io.BytesIO(b""), rest=offset)
    one.storbinary("STOR new", io.BytesIO(b"678"), rest=5)
    assert (where.context.folder / "new").read_bytes() == b"12345678"
    with pytest.raises(Exception, match=r"^504 .*whole"):
        one.storbinary("STOR new", io.BytesIO(b"9"), rest=8)
    assert (where.context.folder / "new").read_bytes() == b"12345678"
    one.storbinary("APPE new", io.BytesIO(b"9"))
    assert (where.context.folder / "new").read_bytes() == b"123456789"
    one.storbinary("APPE other", io.BytesIO(b"1"))
    assert (where.context.folder / "other").read_bytes() == b"1"


def test_a_fresh_upload_forgets_the_part(where: Served, one: Client) -> None:
    """STOR without REST begins anew."""
    (where.context.folder / "new.part").write_bytes(b"12345")
    one.storbinary("STOR new", io.BytesIO(b"abc"))
    assert (where.context.folder / "new").read_bytes() == b"abc"


def test_folders(where: Served, one: Client) -> None:
    """Make, enter, leave and remove; the path of a 257 is quoted."""
    assert one.mkd('a"b') == '/a"b'
    one.cwd('a"b')
    assert one.pwd() == '/a"b'
    one.storbinary("STOR inside", io.BytesIO(b"x"))
    one.sendcmd("CDUP")
    assert one.pwd() == "/"
    with pytest.raises(Exception, match=r"^550 "):
        one.rmd('a"b')
    one.delete('a"b/inside')
    one.rmd('a"b')
    for command in ("CWD file", "CWD none", "MKD folder", "RMD none", "DELE none"):
        with pytest.raises(Exception, match=r"^550 "):
            one.sendcmd(command)
    one.cwd("folder")
    one.cwd("../../..")
    assert one.pwd() == "/"
    assert one.sendcmd("XPWD").startswith("257 ")


def test_bad_names_are_553(one: Client) -> None:
    """What the resolver refuses gets the code for names."""
    for command in ("MKD nul", "DELE a\x07b", "RNFR \u202ex"):
        with pytest.raises(Exception, match=r"^553 "):
            one.sendcmd(command)


def test_renames(where: Served, one: Client) -> None:
    """RNFR and RNTO; one without the other is out of order."""
    one.rename("file", "folder/moved")
    assert (where.context.folder / "folder/moved").read_bytes() == CONTENT
    with pytest.raises(Exception, match=r"^503 "):
        one.sendcmd("RNTO again")
    with pytest.raises(Exception, match=r"^550 "):
        one.sendcmd("RNFR none")


def test_stat_of_a_path_lists_it(one: Client) -> None:
    """STAT with a path lists over the control connection."""
    assert " file" in one.sendcmd("STAT /")


def test_paths_cannot_forge_replies(where: Served) -> None:
    """A name with a line end in it is no name, and none of it comes back as a reply."""
    with Raw(where.port) as raw:
        raw.sign_in(where, context=_context(where))
        raw.send(b"MKD a\r230 welcome\r\n")
        assert raw.reply().startswith("501 ")


def _context(where: Served) -> ssl.SSLContext:
    return trusting(where.chain)
