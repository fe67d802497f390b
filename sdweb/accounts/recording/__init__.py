"""What writes the audit log by itself, wherever something is done: signals of Django and allauth, changes to
people, groups, limits and the site, and the admin.
"""
