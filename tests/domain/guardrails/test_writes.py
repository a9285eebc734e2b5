"""The files that a shell text would write, so that they can be locked first."""

from __future__ import annotations

import pytest

from gitcoord.domain.guardrails.writes import written_paths


def written(text: str) -> list[str]:
    """Return the files as `kind path`, and `kind old -> path`."""
    return [
        f"{one.kind} {one.old_path} -> {one.path}" if one.old_path else f"{one.kind} {one.path}"
        for one in written_paths(text)
    ]


@pytest.mark.parametrize(
    ("text", "files"),
    [
        # redirections
        ("echo x > a", ["create a"]),
        ("echo x >> a", ["modify a"]),
        ("echo x >| a", ["create a"]),
        ("make &> a.log", ["create a.log"]),
        ("make 2> err > out", ["create err", "create out"]),
        ("make 2>&1", []),
        ("make > /dev/null 2>&1", []),
        ("cat < a", []),
        ("> a", ["create a"]),
        ("cat > 'a b.md' <<'E'\nx > y\nE", ["create a b.md"]),
        ("{ echo x; echo y; } > a", ["create a"]),
        ("for i in 1 2; do echo $i; done > a", ["create a"]),
        # programs
        ("echo x | tee a b", ["create a", "create b"]),
        ("echo x | tee -a a", ["modify a"]),
        ("sed -i s/a/b/ a b", ["modify a", "modify b"]),
        ("sed -i.bak -e s/a/b/ a", ["modify a"]),
        ("sed -i '' s/a/b/ a", ["modify a"]),
        ("sed --in-place s/a/b/ a", ["modify a"]),
        ("sed s/a/b/ a", []),
        ("perl -pi -e s/a/b/ a", ["modify a"]),
        ("rm -f a b", ["delete a", "delete b"]),
        ("touch a", ["create a"]),
        ("truncate -s 0 a", ["modify a"]),
        ("cp a b", ["create b"]),
        ("cp a b dir", ["create dir/a", "create dir/b"]),
        ("cp -t dir a", ["create dir/a"]),
        ("mv a b", ["rename a -> b"]),
        ("mv a dir/", ["rename a -> dir/a"]),
        ("install -m 755 a bin/a", ["create bin/a"]),
        ("install -d dir other", []),
        ("dd if=a of=b", ["modify b"]),
        ("sort -o a b", ["create a"]),
        ("curl -o a https://example.org", ["create a"]),
        ("wget -O a https://example.org", ["create a"]),
        ("curl https://example.org", []),
        # git
        ("git mv a b", ["rename a -> b"]),
        ("git -C sub mv a b", ["rename sub/a -> sub/b"]),
        ("git rm a", ["delete a"]),
        ("git rm --cached a", []),
        ("git restore a", ["modify a"]),
        ("git restore --staged a", []),
        ("git checkout main -- a", ["modify a"]),
        ("git checkout main", []),
        ("git add a", []),
        # patches
        ("git apply <<'E'\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\nE", ["modify x"]),
        ("git apply --check <<'E'\n--- a/x\n+++ b/x\nE", []),
        ("patch -p1 <<'E'\n--- /dev/null\n+++ b/x\nE", ["create x"]),
        ("patch -p0 <<'E'\n--- x\t2026-01-01\n+++ /dev/null\nE", ["delete x"]),
        (
            ("apply_patch <<'E'\n*** Begin Patch\n*** Update File: a.py\n@@\n-x\n+y\n"
            "*** Add File: b.py\n+z\n*** Delete File: c.py\n*** End Patch\nE"),
            ["modify a.py", "create b.py", "delete c.py"],
        ),
        # code
        ("python3 -c \"open('a', 'w').write('x')\"", ["modify a"]),
        ("python3 - <<'E'\nfrom pathlib import Path\nPath('a').write_text('x')\nE", ["modify a"]),
        ("python3 -c \"open('a').read()\"", []),
        ("node -e \"fs.writeFileSync('a', 'x')\"", ["modify a"]),
        # where it is
        ("cd sub && echo x > a", ["create sub/a"]),
        ("(cd sub; echo x > a); echo y > b", ["create sub/a", "create b"]),
        ("cd sub/.. && echo x > ./a", ["create a"]),
        ("cd \"$D\" && echo x > a", []),
        ("echo x > /abs/a", ["create /abs/a"]),
        # inside of others
        ("sh -c 'echo x > a'", ["create a"]),
        ("sudo tee a <<< x", ["create a"]),
        ("f=a; echo x > $f.txt", ["create a.txt"]),
        ("for f in a b; do sed -i s/x/y/ $f.py; done", ["modify a.py", "modify b.py"]),
        ("ls | xargs rm", []),
        ("echo a b | xargs rm", ["delete a", "delete b"]),
        ("if x; then echo y > a; else echo z > b; fi", ["create a", "create b"]),
        ("echo x > a; echo y > a", ["create a"]),
        # what cannot be known
        ("echo x > $F", []),
        ("rm *.py", []),
        ("echo x > ~/a", []),
        ("echo 'x > a'", []),
        ("./script.sh a", []),
    ],
)  # fmt: skip
def test_the_files_that_a_command_writes(text: str, files: list[str]) -> None:
    assert written(text) == files


def test_a_text_that_is_not_understood_writes_what_is_plain() -> None:
    assert written("echo x > a; echo '") == ["create a"]
    assert written("") == []
