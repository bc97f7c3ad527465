/** The buttons above the text; one stop of the Tab key, arrow keys move inside. */
import { type Editor, useEditorState } from '@tiptap/react'
import { arrowFocus } from '../device/arrow-focus.ts'
import { type ToolbarAction, toolbarGroups } from './toolbar-actions.ts'

const onKeyDown = arrowFocus('horizontal', 'button:not(:disabled)')
const actions = toolbarGroups.flat()

export function Toolbar({ editor }: { readonly editor: Editor }) {
  const states = useEditorState({
    editor,
    selector: ({ editor: current }) =>
      Object.fromEntries(
        actions.map((action) => [action.name, { isOn: action.isOn?.(current), isPossible: action.isPossible?.(current) ?? true }]),
      ),
  })
  return (
    <div className="toolbar" role="toolbar" aria-label="Formatting" tabIndex={-1} onKeyDown={onKeyDown}>
      {toolbarGroups.map((group) => (
        <div className="toolbar-group" key={group[0]?.name}>
          {group.map((action) => (
            <ToolbarButton key={action.name} editor={editor} action={action} {...states[action.name]} />
          ))}
        </div>
      ))}
    </div>
  )
}

interface ButtonProps {
  readonly editor: Editor
  readonly action: ToolbarAction
  readonly isOn?: boolean | undefined
  readonly isPossible?: boolean
}

function ToolbarButton({ editor, action, isOn, isPossible }: ButtonProps) {
  const Icon = action.icon
  return (
    <button
      type="button"
      className="icon-button"
      aria-label={action.name}
      aria-pressed={isOn}
      title={`${action.name} (${action.keys})`}
      disabled={isPossible === false}
      tabIndex={action === actions[0] ? 0 : -1}
      // The text keeps its selection while a button is pressed.
      onMouseDown={(event) => event.preventDefault()}
      onClick={() => action.run(editor)}
    >
      <Icon aria-hidden="true" />
    </button>
  )
}
