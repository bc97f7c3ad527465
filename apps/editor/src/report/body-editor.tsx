/** The text of a report, which several people can write at once. */
import { Collaboration } from '@tiptap/extension-collaboration'
import { Placeholder } from '@tiptap/extension-placeholder'
import { EditorContent, useEditor } from '@tiptap/react'
import { StarterKit } from '@tiptap/starter-kit'
import type { OpenReport } from '../fieldbook.ts'
import { Toolbar } from './toolbar.tsx'

interface Props {
  readonly fragment: OpenReport['shared']['body']
}

export function BodyEditor({ fragment }: Props) {
  const editor = useEditor(
    {
      extensions: [
        // Undo comes with collaboration and takes back one's own changes only; a trailing node would write to a report that is merely opened.
        StarterKit.configure({ undoRedo: false, trailingNode: false, heading: { levels: [1, 2, 3] }, link: { openOnClick: false } }),
        Collaboration.configure({ fragment }),
        Placeholder.configure({ placeholder: 'What did you see? Begin with “# ” for a heading, “- ” for a list.' }),
      ],
      editorProps: {
        attributes: { class: 'body', 'data-testid': 'body', role: 'textbox', 'aria-multiline': 'true', 'aria-label': 'Text of the report' },
      },
    },
    [fragment],
  )
  return (
    <>
      {editor !== null && <Toolbar editor={editor} />}
      <EditorContent editor={editor} className="body-frame" />
    </>
  )
}
