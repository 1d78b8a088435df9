"""Which folders of the server a flow may work in: below the operator's roots, never through a link.

**Source**: SPEC section 5, ``workspace: {path}``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from cfx_flow.accounts.principal import Principal
from cfx_flow.errors import InvalidRequest, PermissionDenied, WorkspaceUnreachable
from cfx_flow.workspace.edits.site import find_site

PERMISSION = "workspace"
PARAM = "workspace.path"


def reach(path: str, roots: Sequence[Path], caller: Principal) -> Path:
    """The folder, as it really lies there. Raises PermissionDenied, InvalidRequest, WorkspaceUnreachable.

    Who may not is told so before anything is looked at: the answer does not say what is there.
    """
    if PERMISSION not in caller.permissions:
        raise PermissionDenied(
            "This key may not work in folders of the server. The operator makes one that may: "
            f"cfx keys create --user NAME --permission {PERMISSION}.",
            param=PARAM,
        )
    asked = PurePosixPath(path)
    if "\0" in path or not asked.is_absolute() or ".." in asked.parts:
        raise InvalidRequest(f"{PARAM}: must be an absolute path without '..'.", param=PARAM)
    root = next((root for root in roots if asked.is_relative_to(root)), None)
    if root is None:
        raise PermissionDenied(
            f"{path} is not below CFX_WORKSPACE_ROOTS, which the operator sets.", param=PARAM
        )
    return _real(Path(path), root)


def require_own_repository(folder: Path, roots: Sequence[Path]) -> None:
    """For who wants a commit there: it moves the repository's HEAD, so all of that lies below a root, too;
    also where a linked work tree, or a submodule, keeps it elsewhere.

    Raises PermissionDenied, WorkspaceUnreachable.
    """
    site, real_roots = find_site(folder), [root.resolve() for root in roots]
    places = [site.top, *([site.git.folder.resolve()] if site.git else [])]
    if not all(any(place.is_relative_to(root) for root in real_roots) for place in places):
        raise PermissionDenied(
            f"The repository of {folder} does not lie below CFX_WORKSPACE_ROOTS: no commit is made there. "
            "Apply without `commit` and `branch`, or ask the operator to name the repository's own folder.",
            param="commit",
        )


def _real(place: Path, root: Path) -> Path:
    """The root itself may be a link, for the operator has named it; nothing below it may."""
    try:
        real, real_root = place.resolve(strict=True), root.resolve(strict=True)
    except (OSError, RuntimeError):
        raise WorkspaceUnreachable(f"{place} is not there, or cannot be read.", param=PARAM) from None
    if real != real_root / place.relative_to(root):
        raise PermissionDenied(f"{place} leads through a link, which is not followed.", param=PARAM)
    if not real.is_dir():
        raise WorkspaceUnreachable(f"{place} is not a folder.", param=PARAM)
    return real
