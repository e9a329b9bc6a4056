import { Kbd, Modal, Table } from '@mantine/core'
import { useLayer } from '../parts/layer.ts'

const keys: readonly (readonly [readonly string[], string])[] = [
  [['⌘', 'K'], 'Search or jump (Ctrl on other keyboards)'],
  [['/'], 'Search or jump'],
  [['↓'], 'From a filter into its list, and to the next row'],
  [['↑'], 'To the row before'],
  [['Enter'], 'Open the row'],
  [['←', '→'], 'Along the tabs of a page, and the bars of the log over time'],
  [['Shift', '←', '→'], 'Several bars of the log over time; Enter narrows to them'],
  [['Esc'], 'Close a panel or dialog'],
  [['Ctrl', 'F6'], 'Leave a terminal, to which every other key goes'],
  [['?'], 'Show the keys'],
]

export function Keys({ close }: { readonly close: () => void }) {
  useLayer(close)
  return (
    <Modal opened onClose={close} title="Keys" closeButtonProps={{ 'aria-label': 'Close' }}>
      <Table aria-label="Keys">
        <Table.Tbody>
          {keys.map(([pressed, what]) => (
            <Table.Tr key={what}>
              <Table.Td>
                {pressed.map((key) => (
                  <Kbd key={key} mr={4}>
                    {key}
                  </Kbd>
                ))}
              </Table.Td>
              <Table.Td>{what}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Modal>
  )
}
