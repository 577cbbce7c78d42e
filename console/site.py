from unfold.sites import UnfoldAdminSite


class ConsoleSite(UnfoldAdminSite):
    """The admin site."""
