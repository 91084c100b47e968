import pytest

from sealgate.protocols.session.temporary_names import final_name, is_temporary


@pytest.mark.parametrize(
    ("temporary", "final"),
    [
        ("a.csv.filepart", "a.csv"),
        (".in.a.csv", "a.csv"),
        ("a.csv.1a2b3c4d.partial", "a.csv"),
        ("a.csv.partial", "a.csv"),
        ("0f3a-restic-temp-3k2j1h", "0f3a"),
        ("p0a1.tmp-77", "p0a1"),
        ("a.b.1f2e.ffs_tmp", "a.b"),
        ("a.csv.part", "a.csv"),
        ("a.csv.TMP", "a.csv"),
    ],
)
def test_the_final_name_is_what_the_program_makes_of_it(temporary: str, final: str) -> None:
    """By the forms that WinSCP, lftp, rclone, restic, kopia, FreeFileSync and others write."""
    assert final_name(temporary) == final
    assert is_temporary(temporary)


@pytest.mark.parametrize(
    "name",
    ["a.csv", ".in.", ".part", ".tmp", "part", "tmp", "in.a", "-restic-temp-x", "x-restic-temp-",
     "department", "a.tmpl", "a.partial.csv", ".filepart"],
)  # fmt: skip
def test_other_names_are_final(name: str) -> None:
    """What only looks a little like it is a name as any other."""
    assert final_name(name) == name
    assert not is_temporary(name)
