"""The protocol: what a client lists, calls, reads and subscribes to, on the SDK's low level.

Schemas are those of our structs, so that one table says what a tool is. Arguments are checked
and refusals made readable here. Not here: transports (stdio, http), and any tool.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from difflib import get_close_matches
from typing import Any, NoReturn, TypeVar

import mcp_types as types
from mcp.server import ServerRequestContext
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from gitcoord import __version__
from gitcoord.entrypoints.mcp import golemxv, refusal
from gitcoord.entrypoints.mcp.call import Call
from gitcoord.entrypoints.mcp.identity import SESSION_HEADER, Caller
from gitcoord.entrypoints.mcp.keeping import Keeping
from gitcoord.entrypoints.mcp.prompts import INSTRUCTIONS, PROMPTS, written
from gitcoord.entrypoints.mcp.resources import RESOURCES
from gitcoord.entrypoints.mcp.schema import schema_of
from gitcoord.entrypoints.mcp.seat import Seat
from gitcoord.entrypoints.mcp.shapes import read
from gitcoord.entrypoints.mcp.table import TOOLS, Profile, selected
from gitcoord.entrypoints.mcp.threads import Report, in_thread
from gitcoord.entrypoints.mcp.tool import Tool, encoded
from gitcoord.errors import GitcoordError

#: What a tool definition says to Claude Code: put it before the model at once.
ALWAYS_LOAD = "anthropic/alwaysLoad"
MARKDOWN = "text/markdown"

T = TypeVar("T")
Context = ServerRequestContext[Any, Any]


def build(keeping: Keeping, profile: Profile) -> Server[Any]:
    """Return the server of one process, with the tools of a profile."""
    tools = selected(profile)
    answers = _Answers(keeping, tools, profile)

    @asynccontextmanager
    async def lifespan(_server: Server[Any]) -> AsyncIterator[Keeping]:
        async with keeping.open():
            yield keeping

    return Server(
        "gitcoord",
        version=__version__,
        title="gitcoord",
        instructions=golemxv.INSTRUCTIONS if profile == "golemxv" else INSTRUCTIONS,
        website_url=None,
        lifespan=lifespan,
        get_tool_input_schema=lambda name: schema_of(tools[name].input) if name in tools else None,
        on_list_tools=answers.list_tools,
        on_call_tool=answers.call_tool,
        on_list_resources=answers.list_resources,
        on_list_resource_templates=answers.list_templates,
        on_read_resource=answers.read_resource,
        on_subscribe_resource=answers.subscribe,
        on_unsubscribe_resource=answers.unsubscribe,
        on_subscriptions_listen=answers.listen,
        on_list_prompts=answers.list_prompts,
        on_get_prompt=answers.get_prompt,
    )


class _Answers:
    """The handlers of the protocol's requests."""

    def __init__(self, keeping: Keeping, tools: dict[str, Tool], profile: Profile) -> None:
        self._keeping = keeping
        self._tools = tools
        self._profile = profile
        self._listed = [_definition(tool) for tool in tools.values()]

    async def list_tools(self, ctx: Context, params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=self._listed)

    async def call_tool(
        self, ctx: Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        tool = self._tools.get(params.name) or self._unknown(params.name)

        def work(call: Call) -> dict[str, Any]:
            given = read(tool.input, params.arguments)
            if tool.acts:
                call.seat.check_in(call)
            else:
                call.seat.find(call)
            answer = encoded(tool.run(call, given))
            call.seat.hears(call)
            return answer | {"notes": call.notes} if call.notes else answer

        waits = bool((params.arguments or {}).get("wait_seconds"))
        call, found = await self._run(ctx, work, waits=waits)
        if isinstance(found, GitcoordError):
            body = refusal.structured(found, call.notes)
            if self._profile == "golemxv":
                body = golemxv.refused(body)
            return _result(refusal.text(body), body, refused=True)
        return _result(refusal.plain(found), found)

    async def list_resources(self, ctx: Context, params: Any) -> types.ListResourcesResult:
        return types.ListResourcesResult(
            resources=[
                types.Resource(
                    uri=one.uri,
                    name=one.name,
                    title=one.title,
                    description=one.description,
                    mime_type=MARKDOWN,
                )
                for one in RESOURCES.values()
            ]
        )

    async def list_templates(self, ctx: Context, params: Any) -> types.ListResourceTemplatesResult:
        return types.ListResourceTemplatesResult(resource_templates=[])

    async def read_resource(
        self, ctx: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        uri = str(params.uri)
        resource = RESOURCES.get(uri) or _no_resource(uri)

        def work(call: Call) -> str:
            call.reading()
            call.seat.find(call)
            return "\n\n".join([resource.render(call), *(f"> {note}" for note in call.notes)])

        _, found = await self._run(ctx, work)
        if isinstance(found, GitcoordError):
            hint = f" {found.hint}" if found.hint else ""
            raise MCPError(
                types.INTERNAL_ERROR, f"{found.code}: {found.message}{hint}", {"uri": uri}
            )
        contents = types.TextResourceContents(uri=uri, text=found, mime_type=MARKDOWN)
        return types.ReadResourceResult(contents=[contents])

    async def subscribe(
        self, ctx: Context, params: types.SubscribeRequestParams
    ) -> types.EmptyResult:
        uri = str(params.uri)
        if uri not in RESOURCES:
            _no_resource(uri)
        connection = caller(ctx).connection
        await self._keeping.following.subscribe(uri, connection, ctx.session)
        return types.EmptyResult()

    async def unsubscribe(
        self, ctx: Context, params: types.UnsubscribeRequestParams
    ) -> types.EmptyResult:
        self._keeping.following.unsubscribe(str(params.uri), caller(ctx).connection)
        return types.EmptyResult()

    async def listen(
        self, ctx: Context, params: types.SubscriptionsListenRequestParams
    ) -> types.SubscriptionsListenResult:
        # An open stream is a sign of life of whoever reads it.
        with self._keeping.serving(caller(ctx)):
            return await self._keeping.following.listen(ctx, params)

    async def list_prompts(self, ctx: Context, params: Any) -> types.ListPromptsResult:
        return types.ListPromptsResult(
            prompts=[
                types.Prompt(
                    name=one.name,
                    title=one.title,
                    description=one.description,
                    arguments=[
                        types.PromptArgument(name=x.name, description=x.description, required=True)
                        for x in one.arguments
                    ],
                )
                for one in PROMPTS.values()
            ]
        )

    async def get_prompt(
        self, ctx: Context, params: types.GetPromptRequestParams
    ) -> types.GetPromptResult:
        prompt = PROMPTS.get(params.name)
        if prompt is None:
            raise MCPError(types.INVALID_PARAMS, f"there is no prompt {params.name[:80]!r}")
        try:
            text = written(prompt, params.arguments)
        except GitcoordError as wrong:
            raise MCPError(types.INVALID_PARAMS, wrong.message) from wrong
        message = types.PromptMessage(
            role="user", content=types.TextContent(type="text", text=text)
        )
        return types.GetPromptResult(description=prompt.description, messages=[message])

    async def _run(
        self, ctx: Context, work: Callable[[Call], T], *, waits: bool = False
    ) -> tuple[Call, T | GitcoordError]:
        keeping = self._keeping
        with keeping.serving(caller(ctx)) as seat:

            def make(report: Report) -> Call:
                return keeping.office.call(seat, report)

            async def send(done: float, total: float, text: str) -> None:
                await ctx.session.report_progress(done, total, text)

            limiter = keeping.threads.waiting if waits else keeping.threads.working
            call, found = await in_thread(make, lambda call: _told(call, seat, work), limiter, send)
        if isinstance(found, GitcoordError):
            keeping.office.told(found)
        return call, found

    def _unknown(self, name: str) -> NoReturn:
        text = f"there is no tool {name[:80]!r}"
        if name in TOOLS:
            text += f" in the profile {self._profile}; start the server with --tools all"
        elif near := get_close_matches(name[:80], self._tools, 1):
            text += f"; did you mean {near[0]}?"
        raise MCPError(types.INVALID_PARAMS, text)


def caller(ctx: Context) -> Caller:
    """Return what is known about the sender of a request."""
    info = ctx.session.client_params
    request = ctx.request
    headers = {} if request is None else request.headers
    user = None if request is None else request.scope.get("user")
    token = user.access_token if isinstance(user, AuthenticatedUser) else None
    return Caller(
        connection=headers.get("mcp-session-id", ""),
        bearer="" if token is None else token.subject or "",
        agent="" if token is None else token.client_id,
        client="" if info is None else info.client_info.name,
        meta=dict(ctx.meta or {}),
        named=headers.get(SESSION_HEADER, ""),
    )


def _told(call: Call, seat: Seat, work: Callable[[Call], T]) -> T:
    """Do the work; what ends the session is noted before it is told."""
    try:
        return work(call)
    except GitcoordError as error:
        seat.hears(call, error)
        raise


def _definition(tool: Tool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=schema_of(tool.input),
        output_schema=schema_of(tool.output),
        annotations=types.ToolAnnotations(
            title=tool.title,
            read_only_hint=tool.read_only,
            destructive_hint=tool.destructive,
            idempotent_hint=tool.idempotent or tool.read_only,
            open_world_hint=False,
        ),
        _meta={ALWAYS_LOAD: True} if tool.core else None,
    )


def _result(text: str, body: dict[str, Any], *, refused: bool = False) -> types.CallToolResult:
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=text)],
        structured_content=body,
        is_error=refused,
    )


def _no_resource(uri: str) -> NoReturn:
    known = ", ".join(RESOURCES)
    raise MCPError(
        types.INVALID_PARAMS, f"there is no resource {uri[:200]!r}; known: {known}", {"uri": uri}
    )
