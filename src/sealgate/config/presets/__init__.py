"""
What is known of each CMS: its doors, its public holes, its cookies, its settings.
"""
