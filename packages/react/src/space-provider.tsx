/** The space that a tree of components works in. */
import type { Space } from '@tidemark/client'
import { createContext, type ReactElement, type ReactNode, useContext } from 'react'

const SpaceContext = createContext<Space | null>(null)

export interface SpaceProviderProps {
  /** An open space. Who opened it closes it: a provider that is unmounted leaves it open. */
  readonly space: Space
  readonly children?: ReactNode
}

/** Gives `space` to the hooks of everything inside. */
export function SpaceProvider({ space, children }: SpaceProviderProps): ReactElement {
  return <SpaceContext value={space}>{children}</SpaceContext>
}

/** The space around this component. @throws {Error} outside of a `SpaceProvider`. */
export function useSpace(): Space {
  const space = useContext(SpaceContext)
  if (space === null) throw new Error('there is no space here: put <SpaceProvider space={space}> around the components that use it')
  return space
}
