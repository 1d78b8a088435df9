"use client";

import { useQuery } from "@tanstack/react-query";
import { Workflow } from "lucide-react";
import Link from "next/link";
import { get } from "@/api/client";
import { StatusMark } from "@/components/status";
import { Empty, Shown } from "@/components/states";
import { Table, Td, Th, Tr } from "@/components/table";
import { Money, PageHead, Panel, When } from "@/components/ui";

export function Flows() {
  const flows = useQuery({ queryKey: ["flows"], queryFn: () => get("/v1/flows") });
  return (
    <>
      <PageHead title="Flows" />
      <Panel>
        <Shown of={flows}>
          {({ data }) =>
            data.length === 0 ? (
              <Empty icon={Workflow} title="No flows yet" />
            ) : (
              <Table label="Flows" head={["Status", "Task", "Cost", "Started"].map((name) => <Th key={name}>{name}</Th>)}>
                {data.map((flow) => (
                  <Tr key={flow.id}>
                    <Td><StatusMark status={flow.status} /></Td>
                    <Td><Link href={`/flow?id=${flow.id}`}>{flow.task}</Link></Td>
                    <Td><Money usd={flow.cost_usd} /></Td>
                    <Td><When at={flow.created_at} /></Td>
                  </Tr>
                ))}
              </Table>
            )
          }
        </Shown>
      </Panel>
    </>
  );
}
