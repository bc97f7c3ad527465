/** Lets a person choose to work offline; the choice is remembered, so that a reload stays offline. */
import { rememberOffline } from '../device/device-memory.ts'
import type { Fieldbook } from '../fieldbook.ts'

interface Props {
  readonly fieldbook: Fieldbook
  readonly isPaused: boolean
}

export function OfflineSwitch({ fieldbook, isPaused }: Props) {
  const toggle = (): void => {
    rememberOffline(!isPaused)
    if (isPaused) fieldbook.space.sync.resume()
    else fieldbook.space.sync.pause()
  }
  return (
    <label className="switch-line">
      <span>
        <span className="switch-name">Work offline</span>
        <span className="switch-note">Nothing is sent or fetched until you turn it off.</span>
      </span>
      <input
        type="checkbox"
        role="switch"
        className="switch"
        data-testid="offline-switch"
        checked={isPaused}
        aria-checked={isPaused}
        onChange={toggle}
      />
    </label>
  )
}
