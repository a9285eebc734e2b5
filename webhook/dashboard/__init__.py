"""Pages for people: server-rendered, kept fresh by events, complete without JavaScript.

A page is a function from what its visitor may see to what its template shows; `pages` has the
table. Only buttons change anything, through the same operations as every other door. Not here:
any rule, and any state beside a signed cookie.
"""
