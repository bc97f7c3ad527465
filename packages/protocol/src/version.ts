/** The wire version that this package speaks; `hello` names it, and a relay that does not speak it answers `bye`. */
export const wireVersion = 1
