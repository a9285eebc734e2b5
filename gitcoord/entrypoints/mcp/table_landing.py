"""The tools for landing work: features and approvals. A line each, as in `table`."""

from __future__ import annotations

from gitcoord.entrypoints.mcp import tools_approvals as approvals
from gitcoord.entrypoints.mcp import tools_features as features
from gitcoord.entrypoints.mcp.tool import Tool

LANDING = (
    Tool(
        "register_feature",
        features.register_feature,
        features.RegisterFeature,
        features.FeatureRegistered,
        "Register a feature",
        "Say which keys a feature will touch, before work begins; shows which others overlap.",
        idempotent=True,
    ),
    Tool(
        "deregister_feature",
        features.deregister_feature,
        features.DeregisterFeature,
        features.FeatureEnded,
        "End a feature",
        "End a feature as completed or cancelled; its claims end with it.",
        destructive=True,
    ),
    Tool(
        "get_feature",
        features.get_feature,
        features.GetFeature,
        features.FeatureFound,
        "Show a feature",
        "Read a feature: claims, branch, status.",
        acts=False,
        read_only=True,
    ),
    Tool(
        "list_active_features",
        features.list_active_features,
        features.ListActiveFeatures,
        features.FeaturesFound,
        "List features",
        "List the features that have not ended.",
        acts=False,
        read_only=True,
    ),
    Tool(
        "analyze_feature_conflicts",
        features.analyze_feature_conflicts,
        features.AnalyzeFeatureConflicts,
        features.FeatureConflicts,
        "Which features overlap",
        "Say whether a feature can be worked on beside the others: FULL, PARTIAL or SEQUENTIAL.",
        acts=False,
        read_only=True,
    ),
    Tool(
        "request_approval",
        approvals.request_approval,
        approvals.RequestApproval,
        approvals.ApprovalShown,
        "Ask for consent",
        "Ask a person to approve one thing; go on with other work until it is decided.",
        idempotent=True,
    ),
    Tool(
        "check_approval",
        approvals.check_approval,
        approvals.CheckApproval,
        approvals.ApprovalShown,
        "What was decided",
        "See whether a request was approved. An approval counts once, for exactly what was asked.",
        acts=False,
        read_only=True,
    ),
)
