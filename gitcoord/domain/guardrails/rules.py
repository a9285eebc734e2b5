"""The built-in rules: names, categories, default severities, and who is trusted to pass.

Names and categories are those of the systems that gitcoord replaces, where they had them.
What a rule matches stands in the judge of its category.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Category = Literal["git", "file", "database", "credential", "deployment", "network"]
Severity = Literal["block", "ask", "warn", "log"]

#: From the gravest.
SEVERITIES: tuple[Severity, ...] = ("block", "ask", "warn", "log")


class Rule(NamedTuple):
    """One built-in rule."""

    name: str
    category: Category
    severity: Severity
    #: Trust level from which it does not count; None: it always does.
    bypass: int | None
    message: str
    hint: str


class Hit(NamedTuple):
    """A rule that a part of a text meets; `severity` where it is not the rule's own."""

    rule: str
    severity: Severity | None
    start: int
    end: int


_PERSON = "Ask a person to do it."
_RULES = (
    Rule(
        "git_force_push",
        "git",
        "block",
        3,
        "this push overwrites what others may have built on",
        "Push without force, or with --force-with-lease to a branch of your own that you name.",
    ),
    Rule(
        "git_push_protected",
        "git",
        "ask",
        3,
        "this pushes straight to a protected branch",
        "Push a branch of your own and open a pull request, or land with `gitcoord task "
        "complete --push`.",
    ),
    Rule(
        "git_reset_hard",
        "git",
        "block",
        3,
        "this throws away changes that are not committed",
        "Commit or `git stash` first; to move a branch use `git reset --keep`.",
    ),
    Rule(
        "git_clean_force",
        "git",
        "block",
        3,
        "this deletes files that git does not have",
        "Look with `git clean --dry-run`, then remove the files by name.",
    ),
    Rule(
        "git_discard",
        "git",
        "warn",
        3,
        "this throws away changes that are not committed",
        "Commit or `git stash` first.",
    ),
    Rule(
        "git_branch_delete",
        "git",
        "warn",
        3,
        "this deletes a branch",
        "`git branch -d` deletes only what is merged.",
    ),
    Rule(
        "git_branch_move",
        "git",
        "ask",
        3,
        "this moves a branch by force",
        "Work on a branch of your own.",
    ),
    Rule(
        "git_history_rewrite",
        "git",
        "block",
        4,
        "this rewrites history or removes what could bring it back",
        _PERSON,
    ),
    Rule(
        "git_stash_drop",
        "git",
        "warn",
        3,
        "this deletes stashed work; all worktrees share the stashes",
        "Look with `git stash list`; drop only what you have stashed yourself.",
    ),
    Rule(
        "git_worktree_remove",
        "git",
        "block",
        3,
        "this removes a worktree with work that is not committed",
        "Without --force git removes only worktrees that are clean.",
    ),
    Rule(
        "git_remote_change",
        "git",
        "ask",
        3,
        "this changes where the repository pushes and fetches",
        _PERSON,
    ),
    Rule("git_tag_overwrite", "git", "warn", 3, "this deletes or moves a tag", "Make a new tag."),
    Rule(
        "git_hooks_bypass",
        "git",
        "warn",
        3,
        "this goes round the hooks and so round the guard",
        "GITCOORD_BYPASS='why' lets one commit pass and is recorded.",
    ),
    Rule(
        "git_config_shared",
        "git",
        "warn",
        3,
        "this changes git for all worktrees or repositories",
        "Use `git -c KEY=VALUE` for one command.",
    ),
    Rule(
        "ledger_change",
        "git",
        "block",
        None,
        "this changes the ledger behind gitcoord's back",
        "Use gitcoord's own commands; `gitcoord doctor` repairs.",
    ),
    Rule(
        "repository_delete",
        "git",
        "block",
        4,
        "this deletes or exposes a repository at its host",
        _PERSON,
    ),
    Rule("host_change", "git", "ask", 3, "this changes something for all at the git host", _PERSON),
    Rule(
        "rm_recursive_force",
        "file",
        "block",
        4,
        "this deletes a tree outside the work area, or all of it",
        "Name the files inside the work area that have to go.",
    ),
    Rule(
        "rm_rf",
        "file",
        "warn",
        3,
        "this deletes a whole tree",
        "`git rm -r` keeps it in history; what git does not have is gone.",
    ),
    Rule(
        "find_delete",
        "file",
        "warn",
        3,
        "this deletes whatever is found",
        "Look first: the same command with -print.",
    ),
    Rule(
        "git_directory_change", "file", "block", 4, "this destroys the repository itself", _PERSON
    ),
    Rule("file_overwrite", "file", "warn", 3, "this empties or destroys files", "Commit first."),
    Rule(
        "disk_write", "file", "block", None, "this writes to a disk below its file system", _PERSON
    ),
    Rule(
        "permissions_wide",
        "file",
        "warn",
        3,
        "this opens files to everybody",
        "Give the one permission that is missing to the one file.",
    ),
    Rule(
        "system_change",
        "file",
        "ask",
        4,
        "this changes the machine and not the repository",
        _PERSON,
    ),
    Rule("host_damage", "file", "block", None, "this takes the machine down", _PERSON),
    Rule(
        "volume_delete",
        "file",
        "ask",
        3,
        "this deletes volumes or data of containers",
        "Name the one container or volume, or leave the volumes.",
    ),
    Rule(
        "drop_table",
        "database",
        "block",
        4,
        "this drops a table, schema or database",
        "Write a migration, and have it reviewed.",
    ),
    Rule(
        "truncate_table",
        "database",
        "block",
        4,
        "this empties a table",
        "Delete the rows that have to go with a WHERE.",
    ),
    Rule(
        "delete_no_where",
        "database",
        "block",
        3,
        "this changes or deletes every row of a table",
        "Say which rows: WHERE ...",
    ),
    Rule(
        "database_reset",
        "database",
        "block",
        3,
        "this deletes or resets a database",
        "Do it in a database made for the test.",
    ),
    Rule(
        "database_change",
        "database",
        "warn",
        3,
        "this changes a database for all who use it",
        "Write a migration, and have it reviewed.",
    ),
    Rule(
        "env_file_modify",
        "credential",
        "warn",
        3,
        "this touches a file of secret settings",
        "Change the sample file, and have a person fill in the secrets.",
    ),
    Rule(
        "credentials_file",
        "credential",
        "warn",
        3,
        "this touches a file that holds credentials",
        "Have a person do it.",
    ),
    Rule(
        "ssh_key_modify",
        "credential",
        "block",
        4,
        "this touches private keys, or who may log in",
        _PERSON,
    ),
    Rule(
        "secret_committed",
        "credential",
        "ask",
        4,
        "this would put a file of secrets into git",
        "Add it to .gitignore.",
    ),
    Rule(
        "secret_printed",
        "credential",
        "warn",
        3,
        "this prints a secret",
        "Use it without printing it.",
    ),
    Rule(
        "secret_exfiltration",
        "credential",
        "block",
        None,
        "this sends secrets to the network",
        _PERSON,
    ),
    Rule(
        "credential_change",
        "credential",
        "ask",
        4,
        "this changes secrets or who has access",
        _PERSON,
    ),
    Rule(
        "deploy_command",
        "deployment",
        "block",
        3,
        "this changes what runs elsewhere",
        "Leave it to the pipeline or a person; a plan or a dry run is allowed.",
    ),
    Rule(
        "deploy_script",
        "deployment",
        "ask",
        3,
        "this looks like a deployment",
        "Leave it to the pipeline or a person.",
    ),
    Rule(
        "npm_publish",
        "deployment",
        "block",
        3,
        "this publishes a package",
        "Leave it to the release pipeline; --dry-run is allowed.",
    ),
    Rule(
        "curl_pipe_shell",
        "network",
        "block",
        4,
        "this runs code from the network unseen",
        "Download it, read it, then run it.",
    ),
    Rule(
        "decoded_shell",
        "network",
        "ask",
        4,
        "this runs code that cannot be read here",
        "Write the command plainly.",
    ),
    Rule(
        "reverse_shell",
        "network",
        "block",
        None,
        "this gives a shell to somebody at the network",
        _PERSON,
    ),
    Rule(
        "network_send",
        "network",
        "warn",
        3,
        "this sends files or data elsewhere",
        "See that nothing secret goes along.",
    ),
    Rule("network_delete", "network", "ask", 3, "this deletes something at a server", _PERSON),
    Rule(
        "network_expose",
        "network",
        "ask",
        3,
        "this opens the machine to the network, or weakens its wall",
        _PERSON,
    ),
    Rule(
        "too_long",
        "file",
        "ask",
        4,
        "this text is too long to be judged whole",
        "Put it into a script in the repository.",
    ),
)

#: Name -> rule, in the order of the categories.
RULES: dict[str, Rule] = {rule.name: rule for rule in _RULES}
