"""What the test of the demo in a browser shares with those of the site."""

from tests.observatory.site.in_browser import base_url, browser_type_launch_args, open_page

__all__ = ["base_url", "browser_type_launch_args", "open_page"]
