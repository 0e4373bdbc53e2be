"""Who may do what on which bus: what the truth says, in the words of Redis' ACL. Nothing here talks to a bus."""

from marketswarm.rights.aclfile import AclFile, rules_of, words
from marketswarm.rights.choices import Choices
from marketswarm.rights.grants import User
from marketswarm.rights.roster import roster
from marketswarm.truth.patterns import pattern

__all__ = ["AclFile", "Choices", "User", "pattern", "roster", "rules_of", "words"]
