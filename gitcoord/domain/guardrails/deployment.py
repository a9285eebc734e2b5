"""Judges what changes running systems or publishes packages: a table of programs and verbs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gitcoord.domain.guardrails.command import Command
from gitcoord.domain.guardrails.git import protects
from gitcoord.domain.guardrails.pattern import Pattern
from gitcoord.domain.guardrails.rules import Severity
from gitcoord.domain.guardrails.scene import Scene

Found = Iterator[tuple[str, Severity | None]]
_D, _P, _S = "deploy_command", "npm_publish", "deploy_script"

#: Programs -> (pattern over the words without options, rule, severity).
_TABLE: dict[str, tuple[tuple[str, str, Severity | None], ...]] = {
    "kubectl oc": (
        (
            (
                r"(apply|delete|replace|scale|patch|edit|set|create|drain|cordon|uncordon|taint|"
                r"expose|autoscale|run|annotate|label)\b|rollout (undo|restart|pause|resume)"
            ),
            _D,
            None,
        ),
    ),
    "terraform tofu terragrunt": (
        (
            (
                r"(apply|destroy|import|taint|untaint|force-unlock|run-all (apply|destroy))\b|"
                r"state (rm|mv|push|replace-provider)|workspace delete"
            ),
            _D,
            None,
        ),
    ),
    "helm": ((r"(install|upgrade|uninstall|delete|rollback)\b", _D, None), (r"push\b", _P, None)),
    "docker podman nerdctl buildah": (
        (
            (
                r"(image )?push\b|stack (deploy|rm)|service (update|rm|create|scale)|"
                r"swarm (leave|init)|compose push"
            ),
            _D,
            None,
        ),
    ),
    "skopeo": ((r"(copy|delete|sync)\b", _D, None),),
    "crane oras": ((r"(push|copy|delete|tag)\b", _D, None),),
    "pulumi": ((r"(up|update|destroy|refresh|stack rm|cancel)\b", _D, None),),
    "cdk cdktf": ((r"(deploy|destroy)\b", _D, None),),
    "serverless sls sst": ((r"(deploy|remove)\b", _D, None),),
    "sam copilot": ((r"(deploy|delete|sync|svc deploy)\b", _D, None),),
    "ansible-playbook": ((r"", _D, None),),
    "ansible": ((r"", _S, None),),
    "argocd": ((r"app (sync|delete|set|rollback)", _D, None),),
    "nomad": ((r"(job )?(run|stop)\b", _D, None),),
    "eksctl kops": ((r"(create|delete|update|upgrade|scale)\b", _D, None),),
    "flux": ((r"(reconcile|delete|suspend|bootstrap)\b", _D, None),),
    "kustomize skaffold": ((r"(run|deploy|delete|apply)\b", _D, None),),
    "fly flyctl": ((r"(deploy|destroy|apps destroy|scale|secrets)\b", _D, None),),
    "railway render": ((r"(up|deploy|down)\b", _D, None),),
    "vercel": ((r"(deploy\b.*--prod|--prod|promote|rollback|remove|rm)\b", _D, None),),
    "now": ((r"", _S, None),),
    "netlify": ((r"deploy\b.*(--prod|-p\b)", _D, None), (r"deploy\b", _S, "warn")),
    "firebase": ((r"deploy\b|.*:delete", _D, None),),
    "wrangler": ((r"(deploy|publish|delete|rollback|pages deploy)\b", _D, None),),
    "heroku": (
        (
            (
                r"(apps:destroy|pg:reset|releases:rollback|container:release|ps:scale|restart|"
                r"pipelines:promote)\b"
            ),
            _D,
            None,
        ),
    ),
    "eb": ((r"(deploy|terminate|swap)\b", _D, None),),
    "cap": ((r".*\bdeploy", _D, None),),
    "amplify": ((r"(push|publish|delete)\b", _D, None),),
    "gcloud": (
        (
            (
                r"(app|run|functions|builds) (deploy|submit)|.*\b(delete|deploy|set-iam-policy|"
                r"reset)\b"
            ),
            _D,
            None,
        ),
    ),
    "gsutil": ((r".*\b(rm|rb)\b|(?=.*\brsync ).* -d\b", _D, None),),
    "aws": (
        (r"s3 (rm|rb|mv)\b|s3 sync\b.*--delete|s3api (delete|put-bucket)", _D, None),
        (
            (
                r"\S+ (delete|terminate|stop|reboot|deregister|purge|remove|modify|update|deploy|"
                r"create-stack|create-deployment|run-instances|put)\S*"
            ),
            _D,
            None,
        ),
    ),
    "az": ((r".*\b(delete|deploy|up|create|update|restart|stop|purge)\b", _D, None),),
    "doctl linode-cli hcloud": ((r".*\b(delete|create|destroy|rebuild|update)\b", _D, None),),
    "npm yarn pnpm bun lerna": (
        (r"(npm )?(publish|unpublish|deprecate|dist-tag (add|rm))\b", _P, None),
        (r"(run |run-script )?(deploy|release|publish)\S*", _S, None),
    ),
    "nx turbo": ((r"(run )?(release|publish|deploy)\b", _S, None),),
    "changeset semantic-release release-it np": ((r"(publish|$)", _P, None),),
    "twine": ((r"upload\b", _P, None),),
    "poetry flit hatch uv pdm maturin rye": ((r"(publish|upload)\b", _P, None),),
    "cargo": ((r"(publish|yank|owner)\b", _P, None),),
    "gem": ((r"(push|yank|owner)\b", _P, None),),
    "rake": ((r"release\b", _P, None), (r".*deploy", _S, None)),
    "mvn mvnw": ((r".*\bdeploy(:\S+)?\b|.*release:perform", _P, None),),
    "gradle gradlew": ((r".*\bpublish", _P, None),),
    "dotnet nuget": ((r"(nuget )?(push|delete)\b", _P, None),),
    "pod": ((r"trunk (push|delete)", _P, None),),
    "goreleaser": ((r"release\b", _P, None),),
    "vsce ovsx": ((r"(publish|unpublish)\b", _P, None),),
    "dart flutter": ((r"pub publish|packages pub publish", _P, None),),
    "mix": ((r"hex\.publish", _P, None),),
    "gh": ((r"release (create|delete|upload|edit)", _D, "ask"), (r"workflow run", _S, None)),
    "make just task": ((r"(.*[ -])?(deploy|release|publish)([-:]\S+)?\b", _S, None),),
    "fab": ((r".*deploy", _S, None),),
    "eas": ((r"(submit|update)\b", _D, None),),
    "fastlane": ((r".*(release|deliver|upload|deploy)", _D, None),),
}
_BY_PROGRAM = {name: rows for names, rows in _TABLE.items() for name in names.split()}
_DRY = Pattern(
    r"--dry-?run(=(client|server|true|all))?$|--check$|--noop$|--diff$|--list-only$|"
    r"--snapshot$|--dryrun$|--help$|-h$|--version$|--syntax-check$|--list-hosts$|--list-tasks$"
)
_SCRIPT = Pattern(
    r"(^|[/_.-])(deploy|release|publish|rollout)([_.-]?\w*)?(\.(sh|py|js|ts|rb|bash))?$",
    re.IGNORECASE,
)
#: A branch in the interface of a git host.
_REF = Pattern(r"/git/refs/heads/([^?]+)")
_HOSTS = {
    "repo delete": ("repository_delete", None),
    "repo archive": ("repository_delete", "ask"),
    "repo edit": ("host_change", None),
    "repo rename": ("host_change", None),
    "pr merge": ("host_change", None),
    "ruleset": ("host_change", None),
}


def judge(command: Command, scene: Scene) -> Found:
    """Yield the rules that a command meets."""
    args = command.args
    name = command.name
    if name in {"python", "python3"} and args[:1] == ["-m"] and len(args) > 1:
        name, args = args[1], args[2:]
    if name in {"gh", "glab", "hub"}:
        yield from _host(args, scene)
    dry = any(_DRY.match(arg) for arg in args) or (name == "make" and "-n" in args)
    rows = _BY_PROGRAM.get(name, ())
    line = _line(args)
    for pattern, rule, severity in rows:
        if re.match(pattern, line) and not dry:
            yield rule, "warn" if name == "kubectl" and _local(args) else severity
            return
    if "--push" in args and name == "docker" and "build" in args[:2]:
        yield _D, None
    if not rows and not dry:
        yield from _script(command)


def _local(args: list[str]) -> bool:
    """Say whether a cluster on this machine is meant."""
    return any(
        re.fullmatch(r"(--context=)?(kind-|k3d-|minikube|docker-desktop).*", a) for a in args
    )


def _line(args: list[str]) -> str:
    """Return the words as a line that begins with the verb: leading options stand at its end."""
    words = [arg for arg in args if not arg.startswith("-")]
    options = [arg for arg in args if arg.startswith("-")]
    for at, arg in enumerate(args[:-1]):
        # The value of a leading option (`--context prod`) is no verb.
        if arg in _VALUED and args[at + 1] in words and "=" not in arg:
            words.remove(args[at + 1])
    return " ".join([*words, *options])


_VALUED = {
    "--context",
    "-n",
    "--namespace",
    "--kubeconfig",
    "--cluster",
    "--profile",
    "--region",
    "-C",
    "--prefix",
    "--project",
    "--user",
    "--registry",
    "-H",
    "--host",
    "--stack",
    "-s",
    "--manifest-path",
    "--directory",
    "-f",
    "--filter",
    "-w",
    "--workspace",
}


def _script(command: Command) -> Found:
    """Yield the rules that a script meets whose name says that it deploys."""
    if not command.words:
        return
    names = [command.words[0].text] if "/" in command.words[0].text else []
    if command.name in {"sh", "bash", "zsh", "python", "python3", "node", "ruby"}:
        names = (
            [arg for arg in command.args if not arg.startswith("-")][:1]
            if "-c" not in command.args
            else []
        )
    if any(_SCRIPT.search(one) for one in names if " " not in one):
        yield _S, None


def _host(args: list[str], scene: Scene) -> Found:
    words = [arg for arg in args if not arg.startswith("-")]
    for verb, (rule, severity) in _HOSTS.items():
        if " ".join(words[: verb.count(" ") + 1]) == verb:
            if verb == "pr merge" and "--admin" not in args:
                yield rule, "warn"
            else:
                yield rule, severity  # type: ignore[misc]
    if words[:1] == ["api"]:
        method = next(
            (args[at + 1] for at, arg in enumerate(args[:-1]) if arg in {"-X", "--method"}), ""
        )
        method = method or next(
            (arg.partition("=")[2] or arg[2:] for arg in args if re.match(r"-X\w|--method=", arg)),
            "",
        )
        address = next((word for word in words[1:] if "/" in word), "")
        ref = _REF.search(address)
        protected = ref is not None and protects(scene, ref[1])
        if ref is not None and method.upper() == "DELETE":
            yield "git_branch_delete", "block" if protected else "ask"
        elif ref is not None and any(arg.lower() == "force=true" for arg in args):
            yield "git_force_push", None
        elif method.upper() == "DELETE":
            whole = re.fullmatch(r"/?repos/[^/]+/[^/]+", address)
            yield ("repository_delete", None) if whole else ("host_change", None)
        elif method.upper() in {"PATCH", "PUT"}:
            yield "host_change", None
