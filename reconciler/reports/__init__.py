"""
Values as text for people and programs: plans, outcomes, problems, explanations, tables and pictures of dependencies.

Pure functions that know no command and no vendor, and give text without a last line break (pictures are whole files);
what decides belongs to `engine`, what prints to `cli`.
"""
