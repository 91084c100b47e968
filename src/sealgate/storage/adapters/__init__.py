"""Where stored bytes really lie: folders, object stores, key stores."""
