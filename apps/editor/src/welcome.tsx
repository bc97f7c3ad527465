/** The right side while no report is chosen. */
import { shortcutLabels } from './device/shortcuts.ts'
import { Tide } from './tide.tsx'

export function Welcome() {
  return (
    <div className="welcome">
      <Tide />
      <p>Choose a report, or begin a new one.</p>
      <dl className="shortcuts">
        <Shortcut keys={shortcutLabels.create} name="New report" />
        <Shortcut keys={shortcutLabels.search} name="Search" />
        <Shortcut keys="↑ ↓" name="Through the list" />
      </dl>
    </div>
  )
}

function Shortcut({ keys, name }: { readonly keys: string; readonly name: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <kbd>{keys}</kbd>
      </dd>
    </div>
  )
}
