//go:build !unix

package conformance

const noChildren = "package pipe starts no children on this system"

var _ = add(
	line{id: "C1", name: "spawn fails", skip: noChildren},
	line{id: "C2", name: "spawn fails and leaves no zombie", skip: noChildren},
	line{id: "C3", name: "spawn with an empty environment", skip: noChildren},
	line{id: "C4", name: "spawn exit code", skip: noChildren},
	line{id: "C5", name: "spawn stdout", skip: noChildren},
	line{id: "C6", name: "spawn stdout and stderr to a file", skip: noChildren},
	line{id: "C7", name: "spawn stdin", skip: noChildren},
	line{id: "C8", name: "spawn with more than three descriptors", skip: noChildren},
	line{id: "C9", name: "spawn with ignored stdio", skip: noChildren},
	line{id: "C10", name: "spawn and kill", skip: noChildren},
	line{id: "C11", name: "spawn preserves the environment", skip: noChildren},
	line{id: "C12", name: "spawn detached", skip: noChildren},
	line{id: "C13", name: "spawn and kill with stdio", skip: noChildren},
	line{id: "C14", name: "spawn and ping", skip: noChildren},
	line{id: "C15", name: "spawn with the same stdout and stderr", skip: noChildren},
	line{id: "C16", name: "spawn of who closes its stdin", skip: noChildren},
	line{id: "C17", name: "kill", skip: noChildren},
	line{id: "C18", name: "spawn inherits no open file", skip: noChildren},
	line{id: "C19", name: "quick exits", skip: noChildren},
	line{id: "C20", name: "spawn auto unref", skip: noChildren},
	line{id: "C21", name: "close stdout and read stdin", skip: noChildren},
	line{id: "C22", name: "close fd", skip: noChildren},
	line{id: "C23", name: "a large write to a broken pipe", skip: noChildren},
)
