/** The mark of the app: a horizon above two waves. */
export function Tide({ small = false }: { readonly small?: boolean }) {
  return (
    <svg className={small ? 'tide small' : 'tide'} viewBox="0 0 32 24" aria-hidden="true" focusable="false">
      <path d="M5 5h22" />
      <path d="M5 12.5c3.7-3 7.3-3 11 0s7.3 3 11 0" />
      <path d="M5 19c3.7-3 7.3-3 11 0s7.3 3 11 0" opacity=".5" />
    </svg>
  )
}
