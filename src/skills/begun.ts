/** The text that a new skill begins with: every part of one, to be written over. */
export const begun = (name: string): string => `---
name: ${name}
description: One sentence on what it is for.
version: 1
parameters:
  - { name: what, type: string, required: true, description: What it is about. }
# Only these tools; without this line those of the profile.
# required_tools: [read, grep, glob, edit, write, bash]
---

# Goal

Say what is true when it is done with {{what}}.

# Procedure

1. First step.

# Pitfalls

- What went wrong before.

# Verification

- any change
`
