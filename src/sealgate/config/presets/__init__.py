"""What is known of each CMS: its doors, its public holes, its cookies, its settings."""

from __future__ import annotations

from sealgate.config.presets.django import DJANGO, WAGTAIL
from sealgate.config.presets.dokuwiki import DOKUWIKI
from sealgate.config.presets.drupal import DRUPAL
from sealgate.config.presets.generic import GENERIC
from sealgate.config.presets.joomla import JOOMLA
from sealgate.config.presets.matomo import MATOMO
from sealgate.config.presets.mediawiki import MEDIAWIKI
from sealgate.config.presets.model import (
    FrontSide,
    Preset,
    Snippet,
    below_any,
    front_of,
    lying_in,
    settings_for,
)
from sealgate.config.presets.nextcloud import NEXTCLOUD
from sealgate.config.presets.roundcube import ROUNDCUBE
from sealgate.config.presets.typo3 import TYPO3
from sealgate.config.presets.wordpress import WORDPRESS

NONE = Preset("none", "no preset")

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        *(TYPO3, WORDPRESS, DJANGO, WAGTAIL, NEXTCLOUD, MEDIAWIKI, DOKUWIKI, MATOMO, ROUNDCUBE),
        *(DRUPAL, JOOMLA, GENERIC, NONE),
    )
}

__all__ = [
    "GENERIC",
    "NONE",
    "PRESETS",
    "FrontSide",
    "Preset",
    "Snippet",
    "below_any",
    "front_of",
    "lying_in",
    "settings_for",
]
