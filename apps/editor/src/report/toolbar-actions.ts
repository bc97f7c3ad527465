/** What the toolbar offers: for each button its name, what it does, and whether it is on. */
import type { Editor } from '@tiptap/core'
import {
  Bold,
  Code,
  Heading1,
  Heading2,
  Italic,
  List,
  ListOrdered,
  type LucideIcon,
  Redo2,
  SquareCode,
  TextQuote,
  Undo2,
} from 'lucide-react'
import { isApple } from '../device/shortcuts.ts'

export interface ToolbarAction {
  readonly name: string
  readonly keys: string
  readonly icon: LucideIcon
  readonly run: (editor: Editor) => void
  /** Absent for what is done and not switched. */
  readonly isOn?: (editor: Editor) => boolean
  readonly isPossible?: (editor: Editor) => boolean
}

const command = isApple ? '⌘' : 'Ctrl+'

const marks: readonly ToolbarAction[] = [
  { name: 'Bold', keys: `${command}B`, icon: Bold, run: (e) => e.chain().focus().toggleBold().run(), isOn: (e) => e.isActive('bold') },
  {
    name: 'Italic',
    keys: `${command}I`,
    icon: Italic,
    run: (e) => e.chain().focus().toggleItalic().run(),
    isOn: (e) => e.isActive('italic'),
  },
  { name: 'Code', keys: `${command}E`, icon: Code, run: (e) => e.chain().focus().toggleCode().run(), isOn: (e) => e.isActive('code') },
]

const heading = (level: 1 | 2, name: string, icon: LucideIcon): ToolbarAction => ({
  name,
  keys: `${'#'.repeat(level)} and space`,
  icon,
  run: (e) => e.chain().focus().toggleHeading({ level }).run(),
  isOn: (e) => e.isActive('heading', { level }),
})

const blocks: readonly ToolbarAction[] = [
  {
    name: 'Bulleted list',
    keys: '- and space',
    icon: List,
    run: (e) => e.chain().focus().toggleBulletList().run(),
    isOn: (e) => e.isActive('bulletList'),
  },
  {
    name: 'Numbered list',
    keys: '1. and space',
    icon: ListOrdered,
    run: (e) => e.chain().focus().toggleOrderedList().run(),
    isOn: (e) => e.isActive('orderedList'),
  },
  {
    name: 'Quote',
    keys: '> and space',
    icon: TextQuote,
    run: (e) => e.chain().focus().toggleBlockquote().run(),
    isOn: (e) => e.isActive('blockquote'),
  },
  {
    name: 'Code block',
    keys: '``` and space',
    icon: SquareCode,
    run: (e) => e.chain().focus().toggleCodeBlock().run(),
    isOn: (e) => e.isActive('codeBlock'),
  },
]

const history: readonly ToolbarAction[] = [
  { name: 'Undo', keys: `${command}Z`, icon: Undo2, run: (e) => e.chain().focus().undo().run(), isPossible: (e) => e.can().undo() },
  { name: 'Redo', keys: `${command}Shift+Z`, icon: Redo2, run: (e) => e.chain().focus().redo().run(), isPossible: (e) => e.can().redo() },
]

/** The buttons in their groups. */
export const toolbarGroups: readonly (readonly ToolbarAction[])[] = [
  [heading(1, 'Heading', Heading1), heading(2, 'Subheading', Heading2)],
  marks,
  blocks,
  history,
]
