"""Gemini CLI: its hooks, its chats, its settings."""
