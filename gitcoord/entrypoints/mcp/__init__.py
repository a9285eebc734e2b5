"""The MCP server: the ledger as tools, resources and prompts of an agent's client.

One table of tools over the operations (`table`), functions that build them and show what came
back (`tools_*`), and who acts (`identity`, `seat`). The protocol is the `mcp` package's, which
only `server`, `calls`, `following`, `stdio` and `http` import. No rule and no write path is here.
"""
